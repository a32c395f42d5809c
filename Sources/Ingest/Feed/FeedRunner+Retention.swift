import ColonyExchanges
import Coordination
import Logging
import NIOCore
import RedisClient
import WebSocketClient

/// Old entries.
extension FeedRunner {
    /// Drops what is older than the retention by age; the retention by count is kept with every append.
    func trim(_ now: LocalTime) {
        guard configuration.maxAge > .zero, clockOffset != 0 else { return }
        let redisNow = (now.nanoseconds + clockOffset) / 1_000_000
        let keys = publisher.table.slots.map(\.key)
        for start in stride(from: 0, to: keys.count, by: TrimCall.maximumStreams) {
            let call = TrimCall(
                feed: configuration.keys, streams: Array(keys[start..<min(start + TrimCall.maximumStreams, keys.count)]),
                minimumMilliseconds: redisNow - configuration.maxAge.wholeMilliseconds, forgetMilliseconds: 0)
            _ = link.write(call.arguments(), timeout: .seconds(5)) { [self] result in
                do {
                    let reply = try TrimCall.decode(try result.get())
                    for late in reply.lateGroups {
                        logger.warning(
                            "A consumer group lost entries to the retention",
                            metadata: ["stream": "\(late.stream)", "group": "\(late.group)"])
                    }
                } catch {
                    // The next round does the same again.
                    logger.debug("Streams could not be trimmed", error: error)
                }
            }
        }
        link.flush()
    }
}
