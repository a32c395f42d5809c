extension FeedMachine {
    mutating func timer(_ now: LocalTime, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]) {
        if case .repeats(let at)? = pending?.status, now >= at { repeatPending(now, &actions) }
        switch state {
        case .watching(var watching):
            guard let at = watching.lookAt, now >= at else { return }
            watching.hasAsked = true
            state = .watching(watching)
            actions.append(.observe)
        case .waiting(let waiting) where now >= waiting.gateAt:
            if let stopRequest { return release(waiting.lease, stopRequest, &random, &actions) }
            state = .calling(waiting.lease, issue(.gate(waiting.lease.token), &actions))
        case .fenced(_, let until) where now >= until:
            actions.append(.letGo)
            actions.append(.dropBuffer(reason: "lease could not be renewed in time"))
            watchAgain(&actions)
        case .idle, .claiming, .waiting, .calling, .dialing, .beginning, .live, .softening, .resuming, .ending, .fenced, .releasing,
            .finished:
            break
        }
    }

    mutating func issue(_ call: Call, _ actions: inout [Action]) -> Pending {
        lastCall += 1
        actions.append(.call(lastCall, call))
        return Pending(id: lastCall, call: call)
    }

    mutating func repeatPending(_ now: LocalTime, _ actions: inout [Action]) {
        guard var pending, case .repeats = pending.status else { return }
        lastCall += 1
        pending.id = lastCall
        pending.status = .inFlight
        actions.append(.call(lastCall, pending.call))
        setPending(pending)
    }

    mutating func setPending(status: Pending.Status) {
        guard var pending else { return }
        pending.status = status
        setPending(pending)
    }

    mutating func setPending(_ pending: Pending) {
        switch state {
        case .calling(let lease, _): state = .calling(lease, pending)
        case .beginning(let lease, _, let ended): state = .beginning(lease, pending, ended: ended)
        case .softening(let lease, _): state = .softening(lease, pending)
        case .resuming(let lease, _, let ended): state = .resuming(lease, pending, ended: ended)
        case .ending(let lease, _): state = .ending(lease, pending)
        case .releasing(let lease, _): state = .releasing(lease, pending)
        case .idle, .watching, .claiming, .waiting, .dialing, .live, .fenced, .finished: break
        }
    }

    mutating func setLease(_ lease: Lease) {
        switch state {
        case .waiting(var waiting):
            waiting.lease = lease
            state = .waiting(waiting)
        case .calling(_, let pending): state = .calling(lease, pending)
        case .dialing: state = .dialing(lease)
        case .beginning(_, let pending, let ended): state = .beginning(lease, pending, ended: ended)
        case .live: state = .live(lease)
        case .softening(_, let pending): state = .softening(lease, pending)
        case .resuming(_, let pending, let ended): state = .resuming(lease, pending, ended: ended)
        case .ending(_, let pending): state = .ending(lease, pending)
        case .releasing(_, let pending): state = .releasing(lease, pending)
        case .idle, .watching, .claiming, .fenced, .finished: break
        }
    }

    func draw(_ range: ClosedRange<Duration>, _ random: inout some RandomNumberGenerator) -> Duration {
        let low = range.lowerBound.wholeNanoseconds
        let high = range.upperBound.wholeNanoseconds
        return .nanoseconds(Int64.random(in: low...high, using: &random))
    }
}
