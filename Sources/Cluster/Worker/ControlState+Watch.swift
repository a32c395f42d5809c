import Coordination
import Ingest
import Logging
import NIOCore
import RedisClient

/// The leases of others: observed, asked for.
extension ControlState {
    func observeTick() {
        observeTurn += 1
        let due = feeds.keys.filter { feed in
            guard !held.contains(feed) else { return false }
            return isInvited(feed) || places[feed]?.look.isDue(turn: observeTurn) ?? false
        }
        observe(Array(due))
    }

    func observe(_ names: [FeedName]) {
        guard connection != nil, !serverRunID.isEmpty else { return }
        let handles = names.compactMap { feeds[$0] }
        let number = connectionNumber
        for start in stride(from: 0, to: handles.count, by: 200) {
            let part = Array(handles[start..<min(start + 200, handles.count)])
            call(ObserveCall(feeds: part.map(\.keys)), timeout: .seconds(2)) { [self] result in
                guard case .success(let records) = result, number == connectionNumber else { return }
                for (handle, record) in zip(part, records) {
                    if let epoch = record?.epoch { saw(handle.feed, epoch: epoch) }
                    handle.post(.observed(record, connection: number, server: server))
                }
            }
        }
    }

    func initialise(_ feed: FeedName) {
        guard let handle = feeds[feed] else { return }
        call(InitCall(feed: handle.keys, server: serverRunID), timeout: .seconds(2)) { [self] result in
            if case .success = result { observe([feed]) }
        }
    }

    func acquire(_ feed: FeedName, _ acquisition: FeedMachine.Acquisition, connection number: Int) {
        guard let handle = feeds[feed] else { return }
        let isInvited = isInvited(feed)
        guard number == connectionNumber, connection != nil else { return handle.post(.acquireFailed) }
        let isTakeover = configuration.placement.isTakeover(acquisition.vacancy, redisNow: redisTime(.now()))
        let claim: PlacementMachine.Claim = isInvited ? .handover : isTakeover ? .takeover : .fresh
        guard placement.reserve(feed, for: claim) else {
            handle.post(.claimNotMade)
            // Perhaps only as far as this worker has heard.
            if isTakeover { perform(placement.hurry(now: .now())) }
            return
        }
        // A handover's target is its owner's or the operator's choice, made before this worker knows who is leaving.
        noteLoad(feed, at: isInvited ? "handover" : "claim", cap: placement.cap(for: isInvited ? .fresh : claim))
        let policy = settings(of: feed)
        let mode: AcquireCall.Mode =
            switch acquisition.mode {
            case .free: .free
            case .seen(let renewals, let renewedAt): .seen(renewals: renewals, renewedAt: renewedAt)
            case .dead(let holder): .dead(holder: holder)
            }
        let call = AcquireCall(
            feed: handle.keys, incarnation: incarnation, ttlMilliseconds: configuration.lease.ttl.wholeMilliseconds, mode: mode,
            seenEpoch: acquisition.seenEpoch, floor: floors[feed], floorMilliseconds: 0,
            delayMilliseconds: acquisition.delay.wholeMilliseconds, connectMilliseconds: acquisition.connect.wholeMilliseconds,
            paceMilliseconds: policy.pace.wholeMilliseconds, quarantineMilliseconds: policy.quarantine.wholeMilliseconds,
            server: serverRunID, jump: acquisition.jump, reason: acquisition.reason, goesAtOnce: true)
        let sentAt = LocalTime.now()
        self.call(call, timeout: .seconds(2)) { [self] result in
            switch result {
            case .success(let reply):
                if case .granted = reply {} else { perform(placement.claimFailed(feed, now: .now())) }
                handle.post(.acquireReplied(reply, sentAt: sentAt))
            case .failure:
                perform(placement.claimFailed(feed, now: .now()))
                handle.post(.acquireFailed)
            }
        }
    }
}
