extension FeedMachine {
    mutating func dialed(_ random: inout some RandomNumberGenerator, _ actions: inout [Action]) {
        guard case .dialing(let lease) = state else { return actions.append(.closeSocket(reason: "no longer wanted")) }
        let pending = issue(.begin(lease.token, jump: Int.random(in: 100...999, using: &random)), &actions)
        state = .beginning(lease, pending, ended: nil)
    }

    mutating func dialFailed(
        _ retryAfter: Duration?, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        guard case .dialing(let lease) = state else { return }
        retry(lease, retryAfter, &random, &actions)
    }

    mutating func retry(
        _ lease: Lease, _ retryAfter: Duration?, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        attempts += 1
        var wait = draw(policy.connectDelay, &random)
        // Doubled from something: a `connect_delay` of zero must not make an endless loop of attempts.
        if attempts > 5 { wait = min(max(wait, .milliseconds(500)) * (1 << min(attempts - 5, 16)), policy.retryCap) }
        if let retryAfter { wait = max(wait, retryAfter) }
        actions.append(.report(.attemptFailed(count: attempts, wait: wait)))
        // Whoever connects next waits what the exchange asked for, too.
        if let stopRequest { return release(lease, stopRequest, connect: retryAfter, &random, &actions) }
        if attempts % 3 == 0, let alternate {
            // This host may be cut off from the exchange: let another one try.
            let stop = Stop(reason: "exchange not reached", preferred: alternate)
            return release(lease, stop, connect: retryAfter, &random, &actions)
        }
        state = .calling(lease, issue(.retry(lease.token, wait: wait), &actions))
    }

    mutating func socketEnded(_ reason: String, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]) {
        switch state {
        case .live(let lease), .softening(let lease, _): end(lease, reason: reason, &random, &actions)
        case .beginning(let lease, let pending, _): state = .beginning(lease, pending, ended: reason)
        case .resuming(let lease, let pending, _): state = .resuming(lease, pending, ended: reason)
        case .idle, .watching, .claiming, .waiting, .calling, .dialing, .ending, .fenced, .releasing, .finished: break
        }
    }

    mutating func softError(_ reason: String, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]) {
        guard case .live(let lease) = state else { return }
        actions.append(.pauseReading)
        let delay = draw(policy.connectDelay, &random)
        state = .softening(lease, issue(.disconnect(lease.token, hard: false, delay: delay, reason: reason), &actions))
    }

    mutating func end(
        _ lease: Lease, reason: String, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        if let stopRequest { return release(lease, stopRequest, &random, &actions) }
        let delay = draw(policy.connectDelay, &random)
        state = .ending(lease, issue(.disconnect(lease.token, hard: true, delay: delay, reason: reason), &actions))
    }
}
