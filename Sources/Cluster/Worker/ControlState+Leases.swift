import Coordination
import Ingest
import Logging
import NIOCore
import RedisClient

/// The leases this worker holds: renewed, proved, given up.
extension ControlState {
    func hold(_ feed: FeedName, _ token: Token, sentAt: LocalTime) {
        guard let handle = feeds[feed] else { return }
        perform(keeper.hold(handle.keys, token: token, sentAt: sentAt, now: .now()))
        perform(placement.took(feed, now: .now()))
        noteGrant(feed, token, sentAt: sentAt)
        heldChanged(held.union([feed]))
        readSubscriptions([feed])
        invitations[feed] = nil
        // Granted while we were told to give everything up.
        if let parked {
            perform(
                handovers.order(
                    [order(feed, to: parked.to, reason: "drain", isForced: parked.force ?? false)], view: view, now: .now()))
        }
    }

    func replaceToken(_ feed: FeedName, _ token: Token) { keeper.replaceToken(of: feed, with: token) }

    func socketOpening(_ feed: FeedName) {
        // Without a lease the feed machine knows better already, and cancels.
        if let actions = keeper.socketOpening(feed, now: .now()) { perform(actions) }
    }

    func socketClosed(_ feed: FeedName) { perform(keeper.socketClosed(feed, now: .now())) }

    func letGo(_ feed: FeedName) {
        perform(keeper.drop(feed, now: .now()))
        perform(placement.gaveUp(feed, now: .now()))
        heldChanged(held.subtracting([feed]))
        handedOver(feed)
        if outdated.remove(feed) != nil { feeds[feed]?.post(.stop(reason: "new settings", preferred: nil)) }
    }

    private func heldChanged(_ fresh: Set<FeedName>) {
        guard fresh != held else { return }
        held = fresh
        onHeldChanged(held.sorted())
    }

    func saw(_ feed: FeedName, epoch: Int) {
        guard floors.raise(feed, to: epoch) else { return }
        floorWriter.write(floors)
    }

    func perform(_ actions: [RenewalKeeper.Action]) {
        for action in actions {
            switch action {
            case .armDeadman(let at): setDeadman(at)
            case .disarmDeadman: setDeadman(nil)
            case .renew(let batch): renew(batch)
            case .event(let event):
                note(event)
                heard(event)
            case .wake(let at):
                keeperWake?.cancel()
                let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
                keeperWake = eventLoop.scheduleTask(in: .nanoseconds(max(0, (at - .now()).wholeNanoseconds))) {
                    loopBound.value.wakeKeeper()
                }
            }
        }
    }

    private func wakeKeeper() {
        let now = LocalTime.now()
        perform(
            keeper.woken(now: now) { [feeds] feed in
                guard let progress = feeds[feed]?.progress else { return .init(tickedAt: now, unacknowledgedSince: nil) }
                let unanswered = progress.unansweredSince
                return .init(
                    tickedAt: LocalTime(nanoseconds: progress.lastTick),
                    unacknowledgedSince: unanswered == 0 ? nil : LocalTime(nanoseconds: unanswered))
            })
    }

    private func renew(_ batch: RenewalKeeper.Batch) {
        journal?.add(
            .renewal, [("sent", .number(batch.sentAt.nanoseconds)), ("leases", .number(Int64(batch.call.leases.count)))])
        call(batch.call, timeout: configuration.lease.renewTimeout) { [self] result in
            let now = LocalTime.now()
            switch result {
            case .success(let reply):
                for lease in batch.call.leases {
                    feeds[lease.feed.feed]?.run { $0.clockRead(redisMilliseconds: reply.now, at: now) }
                }
                perform(keeper.replied(batch, reply.results, now: now))
            case .failure(let error):
                perform(keeper.failed(batch, (error as? RedisError)?.code ?? .other, now: now))
            }
        }
    }

    func heard(_ event: RenewalKeeper.Event) {
        switch event {
        case .confirmed(let feed, let token, let sentAt, _): feeds[feed]?.post(.renewed(token, sentAt: sentAt, server: server))
        case .refused(let feed, let token): feeds[feed]?.post(.renewRefused(token))
        case .missing(let feed, let token): feeds[feed]?.post(.renewFoundNothing(token))
        case .unconfirmed(let feed, _, let code):
            logger.warning("Lease not confirmed; held until its deadline", metadata: ["feed": "\(feed)", "reason": "\(code)"])
        case .stalled(let feed, let stall):
            logger.error("Feed makes no progress; its lease is not renewed", metadata: ["feed": "\(feed)", "reason": "\(stall)"])
        case .progressing(let feed): logger.notice("Feed makes progress again", metadata: ["feed": "\(feed)"])
        case .expired(let feed, _): feeds[feed]?.post(.timer)
        }
    }

    private func setDeadman(_ at: LocalTime?) {
        if deadman.isOn { journal?.add(.deadman, [("at", .number(at?.nanoseconds ?? 0))]) }
        do throws(CoordinationError) {
            if let at { try deadman.arm(at: at) } else { try deadman.disarm() }
        } catch {
            logger.critical("The dead-man timer cannot be set", error: error)
        }
    }
}
