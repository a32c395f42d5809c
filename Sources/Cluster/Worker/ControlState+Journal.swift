import Coordination
import Ingest

/// What the control side tells the worker's journal.
extension ControlState {
    func noteStart() {
        let timing = configuration.lease
        journal?.add(
            .start,
            [
                ("worker", .text(incarnation.text)), ("host", .text(configuration.worker.host)),
                ("pid", .number(Int64(ProcessInformation.pid))), ("ttl_ms", .number(timing.ttl.wholeMilliseconds)),
                ("self_fence_ms", .number(timing.selfFence.wholeMilliseconds)),
                ("close_slack_ms", .number(timing.closeSlack.wholeMilliseconds)), ("deadman", .flag(deadman.isOn)),
            ])
    }

    func noteGrant(_ feed: FeedName, _ token: Token, sentAt: LocalTime) {
        guard let journal else { return }
        let deadline = keeper.deadline(of: feed)
        journal.add(
            .granted, feed: feed,
            [
                ("epoch", .number(Int64(token.epoch))), ("sent", .number(sentAt.nanoseconds)),
                ("deadline", .number(deadline?.nanoseconds ?? 0)), ("kept", .flag(deadline != nil)),
            ])
        noteLoad(feed, at: "grant", cap: placement.cap)
    }

    /// `cap`: the one that the load was held against.
    func noteLoad(_ feed: FeedName, at why: String, cap: Int) {
        journal?.add(
            .load, feed: feed,
            [("why", .text(why)), ("load", .number(Int64(placement.load))), ("cap", .number(Int64(cap)))])
    }

    func note(_ event: RenewalKeeper.Event) {
        guard let journal else { return }
        switch event {
        case .confirmed(let feed, let token, let sentAt, let deadline):
            journal.add(
                .renewed, feed: feed,
                [
                    ("epoch", .number(Int64(token.epoch))), ("sent", .number(sentAt.nanoseconds)),
                    ("deadline", .number(deadline.nanoseconds)),
                ])
        case .refused(let feed, let token): journal.add(.refused, feed: feed, [("epoch", .number(Int64(token.epoch)))])
        case .missing(let feed, let token): journal.add(.missing, feed: feed, [("epoch", .number(Int64(token.epoch)))])
        case .unconfirmed(let feed, _, let code): journal.add(.unconfirmed, feed: feed, [("reason", .text("\(code)"))])
        case .stalled(let feed, let stall): journal.add(.unconfirmed, feed: feed, [("reason", .text("\(stall)"))])
        case .progressing: break
        case .expired(let feed, let token): journal.add(.expired, feed: feed, [("epoch", .number(Int64(token.epoch)))])
        }
    }
}
