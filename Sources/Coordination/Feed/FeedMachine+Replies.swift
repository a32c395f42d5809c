extension FeedMachine {
    mutating func replied(
        _ reply: CallReply, _ now: LocalTime, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        switch (state, reply) {
        case (.calling(let lease, _), .gate(let reply)): gateReplied(lease, reply, now, &random, &actions)
        case (.calling(let lease, _), .retry(let reply)):
            switch reply {
            case .waiting(_, let milliseconds):
                wait(lease, until: now + .milliseconds(milliseconds))
            // A failover lost the disconnect before this attempt: gate will say so.
            case .live: wait(lease, until: now)
            case .fenced: lose("another worker holds the lease", &actions)
            }
        case (.beginning(let lease, _, let ended), .begin(let reply)): beginReplied(lease, ended, reply, now, &random, &actions)
        case (.beginning(let lease, _, let ended), .gate(let reply)):
            // A failover lost the GO: it was asked for again.
            if reply == .go {
                // What has ended meanwhile was a failed attempt: the next one waits.
                guard ended == nil else { return retry(lease, nil, &random, &actions) }
                state = .dialing(lease)
                return dialed(&random, &actions)
            }
            if reply == .fenced { return lose("another worker holds the lease", &actions) }
            if ended == nil { actions.append(.closeSocket(reason: "no longer admitted")) }
            gateReplied(lease, reply, now, &random, &actions)
        case (.softening(let lease, let pending), .disconnect(let reply)):
            guard case .disconnect(_, _, _, let reason) = pending.call else { preconditionFailure("softening by \(pending.call)") }
            softReplied(lease, reply, reason: reason, now, &random, &actions)
        case (.ending(let lease, let pending), .disconnect(let reply)): endReplied(lease, pending, reply, now, &random, &actions)
        case (.resuming(let lease, _, let ended), .resume(let reply)): resumeReplied(lease, ended, reply, now, &random, &actions)
        case (.releasing, .release): finishReleasing(&actions)
        // The state says which call is pending, and the call's number which reply this is: nothing else can come.
        default: preconditionFailure("a reply of the wrong kind in state \(state): \(reply)")
        }
    }

    mutating func wait(_ lease: Lease, until time: LocalTime) {
        state = .waiting(Waiting(lease: lease, gateAt: max(time, lease.connectsFrom ?? time)))
    }

    mutating func gateReplied(
        _ lease: Lease, _ reply: GateReply, _ now: LocalTime, _ random: inout some RandomNumberGenerator, _ actions: inout [Action]
    ) {
        // A stop that came while begin was under way does not wait for the pace.
        if let stopRequest, reply != .fenced { return release(lease, stopRequest, &random, &actions) }
        switch reply {
        case .go:
            state = .dialing(lease)
            actions.append(.dial)
        case .due(let milliseconds): wait(lease, until: now + .milliseconds(milliseconds))
        case .cooling(let milliseconds):
            actions.append(.report(.cooling(milliseconds: milliseconds)))
            wait(lease, until: now + .milliseconds(milliseconds))
        case .notPending:
            // A failover lost the disconnect: what is left goes out, then it is reported again.
            end(lease, reason: "disconnect reported again", &random, &actions)
        case .fenced: lose("another worker holds the lease", &actions)
        }
    }

    mutating func beginReplied(
        _ lease: Lease, _ ended: String?, _ reply: BeginReply, _ now: LocalTime, _ random: inout some RandomNumberGenerator,
        _ actions: inout [Action]
    ) {
        switch reply {
        case .opened(let epoch, let lastMilliseconds, let redisNow):
            var lease = lease
            lease.token.epoch = epoch
            actions.append(.replaceToken(lease.token))
            actions.append(.startPublishing(epoch: epoch, lastMilliseconds: lastMilliseconds, redisNow: redisNow))
            if let stopRequest {
                if ended == nil { actions.append(.closeSocket(reason: stopRequest.reason)) }
                return release(lease, stopRequest, &random, &actions)
            }
            if let ended { return end(lease, reason: ended, &random, &actions) }
            state = .live(lease)
            actions.append(.resumeReading)
        case .notConnecting: state = .beginning(lease, issue(.gate(lease.token), &actions), ended: ended)
        case .fenced: lose("another worker holds the lease", &actions)
        case .epochExhausted:
            actions.append(.report(.epochsExhausted))
            lose("no epoch numbers are left", &actions)
        }
    }

    mutating func softReplied(
        _ lease: Lease, _ reply: DisconnectReply, reason: String, _ now: LocalTime, _ random: inout some RandomNumberGenerator,
        _ actions: inout [Action]
    ) {
        switch reply {
        case .ended(_, let milliseconds):
            actions.append(.report(.replaced(reason: reason)))
            actions.append(.closeSocket(reason: reason))
            wait(lease, until: now + .milliseconds(milliseconds))
        case .refused(let milliseconds):
            actions.append(.report(.refusedDisconnect(reason: "within the pace", milliseconds: milliseconds)))
            state = .live(lease)
            actions.append(.resumeReading)
        case .gap(let next):
            actions.append(.rewind(next: next))
            state = .live(lease)
            actions.append(.resumeReading)
        case .fenced:
            actions.append(.resumeReading)
            resume(lease, renumber: false, floorMilliseconds: 0, &random, &actions)
        }
    }

    mutating func endReplied(
        _ lease: Lease, _ pending: Pending, _ reply: DisconnectReply, _ now: LocalTime, _ random: inout some RandomNumberGenerator,
        _ actions: inout [Action]
    ) {
        switch reply {
        // A hard disconnect is never refused; the second case would be an answer to an older, soft one.
        case .ended(_, let milliseconds), .refused(let milliseconds):
            wait(lease, until: now + .milliseconds(milliseconds))
        case .gap(let next):
            actions.append(.rewind(next: next))
            state = .ending(lease, issue(pending.call, &actions))
        case .fenced: lose("another worker holds the lease", &actions)
        }
    }

    mutating func resumeReplied(
        _ lease: Lease, _ ended: String?, _ reply: ResumeReply, _ now: LocalTime, _ random: inout some RandomNumberGenerator,
        _ actions: inout [Action]
    ) {
        var lease = lease
        switch reply {
        case .same(let next, _):
            actions.append(.rewind(next: next))
        case .restored(let epoch, let lastMilliseconds, let redisNow):
            lease.token.epoch = epoch
            actions.append(.replaceToken(lease.token))
            actions.append(.renumber(epoch: epoch, lastMilliseconds: lastMilliseconds, redisNow: redisNow))
            actions.append(.report(.resumed(epoch: epoch)))
        case .fenced: return lose("another worker holds the lease", &actions)
        case .epochExhausted:
            actions.append(.report(.epochsExhausted))
            return lose("no epoch numbers are left", &actions)
        }
        if let stopRequest {
            if ended == nil { actions.append(.closeSocket(reason: stopRequest.reason)) }
            return release(lease, stopRequest, &random, &actions)
        }
        if let ended { return end(lease, reason: ended, &random, &actions) }
        state = .live(lease)
    }
}
