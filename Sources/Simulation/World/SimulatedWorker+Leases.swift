import Coordination
import RedisClient

extension SimulatedWorker {
    func wakeKeeper() {
        let now = local
        perform(
            keeper.woken(now: now) { [simulation, feeds] name in
                let since = simulation.feedIndex[name].flatMap { feeds[$0].unansweredSince }
                return RenewalKeeper.Progress(tickedAt: now, unacknowledgedSince: since)
            })
    }

    func renew(_ batch: RenewalKeeper.Batch) {
        guard let control else { return perform(keeper.failed(batch, .connectionLost, now: local)) }
        let indices = batch.call.leases.map { simulation.feedIndex[$0.feed.feed] ?? 0 }
        control.call(.renew(batch.call, indices), timeout: simulation.policy.timing.renewTimeout.wholeNanoseconds) {
            [unowned self] result in
            switch result {
            case .success(.renewed(let reply)): renewed(batch, indices, reply)
            case .success: break
            case .failure(let error): perform(keeper.failed(batch, error.code, now: local))
            }
        }
        guard spring(.pauseAfterRenew) else { return }
        let pause = random.milliseconds(1500, 3400)
        self.pause(for: pause)
        // The reply has come in by then; what is sent behind it comes too late.
        simulation.after(pause - Span.millisecond) { [unowned self] in
            if isAlive { block(up: true, down: true, for: random.milliseconds(7000, 10_000), isNoticed: false) }
        }
    }

    private func renewed(_ batch: RenewalKeeper.Batch, _ indices: [Int], _ reply: RenewReply) {
        heardFromRedis()
        for (number, index) in indices.enumerated() {
            let feed = feeds[index]
            feed.clockRead(redisMilliseconds: reply.now)
            if reply.results[number] == .renewed, batch.call.leases[number].token.incarnation == incarnation {
                feed.proof = max(feed.proof ?? batch.sentAt, batch.sentAt)
            }
        }
        var batch = batch
        if simulation.mutation == .deadlineFromReply { batch = RenewalKeeper.Batch(id: batch.id, call: batch.call, sentAt: local) }
        perform(keeper.replied(batch, reply.results, now: local))
        if simulation.mutation == nil {
            for index in indices { feeds[index].checkDeadlines() }
        }
    }

    func heard(_ event: RenewalKeeper.Event) {
        switch event {
        case .confirmed(let feed, let token, let sentAt, _): post(feed, .renewed(token, sentAt: sentAt, server: server))
        case .refused(let feed, let token): post(feed, .renewRefused(token))
        case .missing(let feed, let token): post(feed, .renewFoundNothing(token))
        case .expired(let feed, _): post(feed, .timer)
        case .unconfirmed, .stalled, .progressing: break
        }
    }

    private func post(_ name: FeedName, _ event: FeedMachine.Event) {
        guard let index = simulation.feedIndex[name] else { return }
        let feed = feeds[index]
        hop { feed.handle(event) }
    }

    func saw(_ feed: Int, _ epoch: Int) { floors[feed] = max(floors[feed], epoch) }

    // MARK: Feeds' wishes

    func hold(_ feed: Int, _ token: Token, sentAt: LocalTime) {
        perform(keeper.hold(simulation.feeds[feed].keys, token: token, sentAt: sentAt, now: local))
        perform(placement.took(simulation.feeds[feed].name, now: local))
        isHeld[feed] = true
        if isInvited(feed) { simulation.reach(.handedOver) }
        invitations[feed] = nil
        if spring(.dieInHeld) {
            run(after: random.milliseconds(1, 150)) { [unowned self] in kill(restartAfter: random.milliseconds(100, 9000), .process) }
        }
    }

    func letGo(_ feed: Int) {
        perform(keeper.drop(simulation.feeds[feed].name, now: local))
        perform(placement.gaveUp(simulation.feeds[feed].name, now: local))
        isHeld[feed] = false
        handedOver(feed)
    }

    // MARK: Watching

    func observeTick() {
        run(after: simulation.policy.timing.observeEvery.wholeNanoseconds) { [unowned self] in
            observeTurn += 1
            var due: [Int] = []
            for index in places.indices where !isHeld[index] {
                if isInvited(index) || places[index]?.look.isDue(turn: observeTurn) ?? false { due.append(index) }
            }
            observe(due)
            observeTick()
        }
    }

    func observe(_ indices: [Int]) {
        guard !indices.isEmpty, let control, let server else { return }
        let number = controlNumber
        let sentAt = local
        // Who holds leases gives the connection up when a renewal is as late as this poll.
        if !isHeld.contains(true), spring(.slowPoll) { delayPoll(indices) }
        control.call(.observe(indices), timeout: 2 * Span.second) { [unowned self] result in
            guard case .success(.observed(let records)) = result, number == controlNumber else { return }
            let connection = simulation.mutation == .observationSurvives ? 0 : number
            for (index, record) in zip(indices, records) {
                if let record { saw(index, record.epoch) }
                var record = record
                if simulation.mutation == .renewalsIgnored {
                    record?.renewals = 0
                    record?.renewedAt = 0
                }
                let feed = feeds[index]
                guard feed.machine.phase == .watch else { continue }
                hop { [simulation] in
                    feed.handle(.observed(record, connection: connection, server: server))
                    if simulation.mutation == .observationFromSend { feed.backdateObservation(to: sentAt) }
                }
            }
        }
    }

    private func delayPoll(_ indices: [Int]) {
        let delay = random.milliseconds(1200, 1900)
        network.upBlockedUntil = max(network.upBlockedUntil, simulation.now + delay)
        simulation.after(delay + 20 * Span.millisecond) { [unowned self] in
            for other in simulation.workers where other !== self && other.isAlive && indices.contains(where: { other.isHeld[$0] }) {
                other.block(up: true, down: true, for: 9 * Span.second, isNoticed: false)
            }
        }
    }

    /// The takeover travels slowly; everybody else gets through again.
    private func delayTakeover() {
        network.upBlockedUntil = max(network.upBlockedUntil, simulation.now + random.milliseconds(700, 1900))
        for other in simulation.workers where other !== self {
            other.network.upBlockedUntil = 0
            other.network.downBlockedUntil = 0
        }
    }

    func initialise(_ feed: Int) {
        guard let control, let server else { return }
        control.call(.initialise(feed, InitCall(feed: simulation.feeds[feed].keys, server: server.runID)), timeout: 2 * Span.second) {
            [unowned self] result in
            if case .success = result { observe([feed]) }
        }
    }

    func acquire(_ feed: Int, _ acquisition: FeedMachine.Acquisition, connection: Int) {
        let facts = simulation.feeds[feed]
        let shell = feeds[feed]
        guard let control, let server, connection == controlNumber || simulation.mutation == .observationSurvives
        else { return shell.handle(.acquireFailed) }
        let isTakeover = simulation.scenario.placement.isTakeover(acquisition.vacancy, redisNow: redisTime)
        let isInvited = isInvited(feed)
        let claim: PlacementMachine.Claim = isInvited ? .handover : isTakeover ? .takeover : .fresh
        guard placement.reserve(facts.name, for: claim) else {
            shell.handle(.claimNotMade)
            if isTakeover { perform(placement.hurry(now: local)) }
            return
        }
        // S12; whom a handover goes to its owner or an operator has chosen, before this worker knows who is leaving.
        let cap = placement.cap(for: claim)
        if placement.load > cap, !isInvited { simulation.fail("S12", "\(name) claims \(facts.name): load \(placement.load), cap \(cap)") }
        let mode: AcquireCall.Mode =
            switch acquisition.mode {
            case .free: .free
            case .seen(let renewals, let renewedAt): .seen(renewals: renewals, renewedAt: renewedAt)
            case .dead(let holder): .dead(holder: holder)
            }
        let call = AcquireCall(
            feed: facts.keys, incarnation: incarnation, ttlMilliseconds: simulation.policy.timing.ttl.wholeMilliseconds, mode: mode,
            seenEpoch: acquisition.seenEpoch, floor: floors[feed], floorMilliseconds: 0,
            delayMilliseconds: acquisition.delay.wholeMilliseconds, connectMilliseconds: acquisition.connect.wholeMilliseconds,
            paceMilliseconds: simulation.redis.paceMilliseconds, quarantineMilliseconds: simulation.policy.quarantine.wholeMilliseconds,
            server: server.runID, jump: simulation.mutation == .noJump ? 1 : acquisition.jump, reason: acquisition.reason, goesAtOnce: true)
        let sentAt = local
        let pauses = spring(.pauseAfterAcquire)
        if case .seen = mode, spring(.slowTakeover) { delayTakeover() }
        control.call(.acquire(feed, call), timeout: 2 * Span.second, losesReply: spring(.loseAcquireReply)) { [unowned self] result in
            guard case .success(.acquired(let reply)) = result else {
                perform(placement.claimFailed(facts.name, now: local))
                return hop { shell.handle(.acquireFailed) }
            }
            if case .granted = reply { shell.proof = sentAt } else { perform(placement.claimFailed(facts.name, now: local)) }
            let counted = simulation.mutation == .lateGrantUsed ? local : sentAt
            hop { shell.handle(.acquireReplied(reply, sentAt: counted)) }
        }
        if pauses { pause(for: random.milliseconds(4400, 12_000)) }
    }
}
