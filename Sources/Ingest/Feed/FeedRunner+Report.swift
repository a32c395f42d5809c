import ColonyExchanges
import Coordination
import Logging
import NIOCore
import RedisClient
import WebSocketClient

/// The log.
extension FeedRunner {
    func log(_ report: FeedMachine.Report) {
        note(report)
        switch report {
        case .acquired(let epoch, _, let wait):
            logger.info("Lease acquired", metadata: ["lease.epoch": "\(epoch)", "connect.in_ms": "\(wait)"])
        case .grantTooLate: logger.warning("Lease granted too late to be used")
        case .lost(let reason): logger.warning("Lease lost", metadata: ["reason": "\(reason)"])
        case .selfFenced: logger.warning("Lease not renewed in time; websocket closed")
        case .resumed(let epoch): logger.warning("Feed restored after Redis lost its record", metadata: ["lease.epoch": "\(epoch)"])
        case .replaced(let reason):
            // Its reason may be what the exchange does not say any more.
            logger.notice(
                "Websocket is replaced",
                metadata: [
                    "reason": "\(reason)", "last.sent": "\(session.lastSent)", "last.received": "\(session.path?.lastReceived ?? "")",
                ])
        case .refusedDisconnect(_, let milliseconds):
            logger.info("Disconnect refused by the pace", metadata: ["pace.left_ms": "\(milliseconds)"])
        case .cooling(let milliseconds): logger.info("Cooling down", metadata: ["retry.in_ms": "\(milliseconds)"])
        case .attemptFailed(let count, let wait):
            logger.info("Next attempt", metadata: ["attempts": "\(count)", "retry.in_ms": "\(wait.wholeMilliseconds)"])
        case .claimHeldBack: logger.notice("Record may be older than the last one; watched before it is claimed")
        case .regained: logger.notice("Lease found still held after its deadline")
        case .epochsExhausted: logger.critical("No epoch numbers are left; give the feed a new name")
        }
    }
}
