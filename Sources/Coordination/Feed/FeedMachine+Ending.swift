extension FeedMachine {
    mutating func stop(_ request: Stop, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]) {
        guard stopRequest == nil else { return }
        stopRequest = request
        rank = nil
        switch state {
        case .idle, .watching, .finished: finish(&actions)
        // Their replies bring the feed here again, with the token that is then in the record.
        case .claiming, .beginning, .resuming: break
        case .waiting(let waiting): release(waiting.lease, request, &random, &actions)
        case .calling(let lease, _), .ending(let lease, _): release(lease, request, &random, &actions)
        case .dialing(let lease):
            actions.append(.cancelDial)
            release(lease, request, &random, &actions)
        case .live(let lease), .softening(let lease, _):
            actions.append(.pauseReading)
            actions.append(.closeSocket(reason: request.reason))
            release(lease, request, &random, &actions)
        case .fenced:
            actions.append(.letGo)
            actions.append(.dropBuffer(reason: request.reason))
            finish(&actions)
        case .releasing: break
        }
    }

    /// - Parameter connect: the least wait before the next attempt to connect, whoever makes it.
    mutating func release(
        _ lease: Lease, _ request: Stop, connect: Duration? = nil, _ random: inout some RandomNumberGenerator,
        _ actions: inout [Action]
    ) {
        let delay = draw(policy.takeoverDelay, &random)
        let call = Call.release(
            lease.token, delay: delay, connect: max(draw(policy.connectDelay, &random), connect ?? .zero), preferred: request.preferred,
            reason: request.reason)
        state = .releasing(lease, issue(call, &actions))
    }

    mutating func finishReleasing(_ actions: inout [Action]) {
        if stopRequest != nil { return finish(&actions) }
        actions.append(.letGo)
        watchAgain(&actions)
    }

    mutating func finish(_ actions: inout [Action]) {
        if case .finished = state { return }
        state = .finished
        actions.append(.letGo)
        actions.append(.finished)
    }
}
