extension FeedMachine {
    mutating func renewed(
        _ token: Token, _ sentAt: LocalTime, _ server: Server?, _ now: LocalTime, _ random: inout some RandomNumberGenerator,
        _ actions: inout [Action]
    ) {
        guard token == self.token else { return }
        let deadline = sentAt + policy.timing.selfFence
        if case .fenced(let token, _) = state {
            guard now < deadline else { return }
            // Still ours: the tail goes out, then the disconnect that could not be reported. A server that came up meanwhile may not know whom
            // the one before had granted the feed: until T after it was first met he may have a websocket open.
            let lease = Lease(token: token, deadline: deadline, connectsFrom: server.map { $0.since + policy.timing.ttl })
            actions.append(.report(.regained))
            return end(lease, reason: "lease could not be renewed", &random, &actions)
        }
        extend(to: deadline, &actions)
    }

    mutating func extend(to deadline: LocalTime, _ actions: inout [Action]) {
        guard var lease, deadline > lease.deadline else { return }
        lease.deadline = deadline
        setLease(lease)
    }

    /// Redis does not show our token: somebody else's, an older record that a restart brought back, a fresh one, or none.
    mutating func notRenewed(
        _ token: Token, reason: String, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        guard token == self.token else { return }
        switch state {
        // `resume` tells which, and restores what is not newer than ours.
        case .live, .softening: publishFenced(&random, &actions)
        // The call that is under way may just have changed the token: its reply decides.
        case .beginning, .resuming, .releasing: break
        // Without an open websocket nothing is restored.
        default: lose(reason, &actions)
        }
    }

    mutating func publishFenced(_ random: inout some RandomNumberGenerator, _ actions: inout [Action]) {
        // FENCED means a foreign token or no record at all; `resume` tells which, and restores only the latter.
        switch state {
        case .live(let lease): resume(lease, renumber: false, floorMilliseconds: 0, &random, &actions)
        case .softening(let lease, _):
            actions.append(.resumeReading)
            resume(lease, renumber: false, floorMilliseconds: 0, &random, &actions)
        // Without an open websocket nothing is restored: the tail is lost behind the successor's fence. Also where the lease had run out: if a
        // server forgets the successor and this lease is renewed after all, the tail that was refused would keep its report back for ever.
        case .ending, .fenced: lose("another worker holds the lease, or its record is gone", &actions)
        case .releasing: finishReleasing(&actions)
        case .idle, .watching, .claiming, .waiting, .calling, .dialing, .beginning, .resuming, .finished: break
        }
    }

    mutating func publishDisordered(_ top: Int64, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]) {
        switch state {
        case .live(let lease): resume(lease, renumber: true, floorMilliseconds: top, &random, &actions)
        case .softening(let lease, _):
            actions.append(.resumeReading)
            resume(lease, renumber: true, floorMilliseconds: top, &random, &actions)
        // Nothing can renumber the tail without a websocket, and behind it no report would ever go out.
        case .ending, .fenced: lose("an id was refused while the websocket was closed", &actions)
        case .releasing: finishReleasing(&actions)
        case .idle, .watching, .claiming, .waiting, .calling, .dialing, .beginning, .resuming, .finished: break
        }
    }

    /// The record says that the websocket has ended: a soft disconnect that had been refused, and so was given up, was executed late. What
    /// comes behind it is nobody's; the websocket is closed, and the stored answer fetched.
    mutating func publishEnded(_ random: inout some RandomNumberGenerator, _ actions: inout [Action]) {
        guard case .live(let lease) = state else { return }
        actions.append(.pauseReading)
        actions.append(.closeSocket(reason: "its end was recorded late"))
        end(lease, reason: "its end was recorded late", &random, &actions)
    }

    mutating func resume(
        _ lease: Lease, renumber: Bool, floorMilliseconds: Int64, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        let jump = Int.random(in: 100...999, using: &random)
        let pending = issue(.resume(lease.token, renumber: renumber, floorMilliseconds: floorMilliseconds, jump: jump), &actions)
        state = .resuming(lease, pending, ended: nil)
    }

    /// The deadline is here: close, whatever else is going on.
    mutating func passDeadline(_ lease: Lease, _ now: LocalTime, _ actions: inout [Action]) {
        let until = lease.deadline + policy.timing.ttl
        switch state {
        case .live, .softening, .resuming(_, _, ended: nil), .beginning(_, _, ended: nil):
            actions.append(.closeSocketBy(lease.deadline + policy.timing.closeSlack, reason: "lease could not be renewed in time"))
        case .dialing: actions.append(.cancelDial)
        default: break
        }
        actions.append(.report(.selfFenced))
        switch state {
        case .live, .softening, .ending: state = .fenced(lease.token, until: until)
        case .releasing: finishReleasing(&actions)
        case .waiting, .calling, .dialing, .beginning, .resuming:
            actions.append(.letGo)
            actions.append(.dropBuffer(reason: "lease could not be renewed in time"))
            watchAgain(&actions)
        case .idle, .watching, .claiming, .fenced, .finished: break
        }
    }

    /// The lease is somebody else's, or gone for good.
    mutating func lose(_ reason: String, _ actions: inout [Action]) {
        switch state {
        case .idle, .watching, .claiming, .finished: return
        case .live, .softening, .resuming, .beginning: actions.append(.closeSocket(reason: reason))
        case .dialing: actions.append(.cancelDial)
        case .waiting, .calling, .ending, .fenced, .releasing: break
        }
        actions.append(.letGo)
        actions.append(.dropBuffer(reason: reason))
        actions.append(.report(.lost(reason: reason)))
        watchAgain(&actions)
    }
}
