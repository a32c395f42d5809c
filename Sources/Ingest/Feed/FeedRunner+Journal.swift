import Coordination
import NIOCore
import WebSocketClient

/// What a feed tells the worker's journal. Nothing here is done per packet, and nothing at all without a journal.
extension FeedRunner {
    func note(_ kind: WorkerEvent.Kind, _ fields: @autoclosure () -> [JSONLine.Field] = []) {
        journal?.add(kind, feed: configuration.feed, fields())
    }

    func notePhase(from before: FeedMachine.Phase) {
        note(
            .phase,
            [
                ("from", .text(before.rawValue)), ("to", .text(machine.phase.rawValue)),
                ("epoch", .number(Int64(machine.token?.epoch ?? 0))),
            ])
    }

    func noteOpened(_ socket: WebSocketConnection) {
        note(
            .opened,
            [
                ("socket", .number(Int64(session.number))),
                ("local", .text(socket.channel.localAddress.map { "\($0.ipAddress ?? ""):\($0.port ?? 0)" } ?? "")),
                ("peer", .text("\(socket.upgrade.peer)")),
            ])
    }

    /// `isCounted`: the number of messages is final.
    func noteEnd(_ kind: WorkerEvent.Kind, of path: FeedPath, reason: String, isCounted: Bool = true) {
        var fields: [JSONLine.Field] = [("socket", .number(Int64(path.number))), ("reason", .text(reason))]
        if isCounted { fields.append(("messages", .number(Int64(path.messages)))) }
        note(kind, fields)
    }

    func notePending(_ reply: GateReply, sentAt: LocalTime) {
        switch reply {
        case .due(let milliseconds): notePending("due", milliseconds, sentAt)
        case .cooling(let milliseconds): notePending("cooling", milliseconds, sentAt)
        case .go, .notPending, .fenced: break
        }
    }

    func notePending(_ reply: DisconnectReply, sentAt: LocalTime, reason: String) {
        switch reply {
        case .ended(let pending, let milliseconds): notePending(pending.rawValue, milliseconds, sentAt)
        case .refused(let milliseconds): note(.kept, [("ms", .number(milliseconds)), ("reason", .text(reason))])
        case .gap, .fenced: break
        }
    }

    private func notePending(_ pending: String, _ milliseconds: Int64, _ sentAt: LocalTime) {
        note(.pending, [("pending", .text(pending)), ("ms", .number(milliseconds)), ("sent", .number(sentAt.nanoseconds))])
    }

    func note(_ report: FeedMachine.Report) {
        switch report {
        case .lost(let reason): note(.lost, [("epoch", .number(Int64(machine.token?.epoch ?? 0))), ("reason", .text(reason))])
        case .selfFenced: note(.fenced, [("self", .flag(true))])
        case .acquired, .grantTooLate, .claimHeldBack, .regained, .resumed, .replaced, .refusedDisconnect, .cooling, .attemptFailed,
            .epochsExhausted:
            break
        }
    }
}
