import Coordination

extension SimulatedWorker {
    func connectControl(after delay: Int64) {
        run(after: delay) { [unowned self] in
            let sentAt = local
            connect { [unowned self] link in
                control = link
                controlNumber += 1
                controlLostAt = nil
                let runID = "run\(link.process)"
                if server?.runID != runID { server = FeedMachine.Server(runID: runID, since: local) }
                perform(keeper.connected(now: local))
                observe(Array(places.indices))
            } onLost: { [unowned self] in
                control = nil
                controlLostAt = local
                perform(keeper.connectionLost(now: local))
                if simulation.mutation != .observationSurvives {
                    for feed in feeds { hop { feed.handle(.controlLost) } }
                }
                connectControl(after: 0)
            } failed: { [unowned self] isProof in
                if isProof { outageProved(sentAt: sentAt) }
                connectControl(after: random.milliseconds(20, simulation.scenario.isDirect ? 200 : 1000))
            }
        }
    }

    private func outageProved(sentAt: LocalTime) {
        simulation.reach(.outageProved)
        let selfFence = simulation.policy.timing.selfFence
        if let lostAt = controlLostAt, sentAt >= lostAt {
            for feed in feeds {
                guard let proof = feed.proof, local < proof + selfFence, sentAt > proof else { continue }
                feed.proof = sentAt
                if feed.hasOpenSocket, let held = feed.proofLostAt, sentAt - held > simulation.policy.timing.ttl * 10 {
                    simulation.reach(.holdOverTenTTL)
                }
            }
        }
        perform(keeper.outageProof(sentAt: sentAt, now: local))
        for feed in feeds { hop { feed.handle(.outageProved(sentAt: sentAt)) } }
    }

    func connectData(after delay: Int64) {
        run(after: delay) { [unowned self] in
            connect { [unowned self] link in
                data = link
                dataServer = "run\(link.process)"
                for feed in feeds { feed.linkUp() }
            } onLost: { [unowned self] in
                data = nil
                for feed in feeds { feed.linkLost() }
                connectData(after: 25 * Span.millisecond)
            } failed: { [unowned self] _ in
                connectData(after: random.milliseconds(25, 400))
            }
        }
    }

    private func connect(
        up: @escaping (SimulatedLink) -> Void, onLost: @escaping () -> Void, failed: @escaping (_ isProof: Bool) -> Void
    ) {
        var isDone = false
        func answer(_ action: @escaping () -> Void) {
            simulation.after(network.down(simulation)) { [unowned self] in
                run(after: 0) {
                    guard !isDone else { return }
                    isDone = true
                    action()
                }
            }
        }
        simulation.after(network.up(simulation)) { [unowned self] in
            guard isAlive else { return }
            let redis = simulation.redis!
            if redis.isUp {
                let process = redis.process
                // Who is stopped accepts (its kernel does), but does not tell its run id.
                let delay = max(0, redis.stalledUntil - simulation.now)
                simulation.after(delay) { [unowned self] in
                    answer { [unowned self] in
                        let link = SimulatedLink(self, process: process, onLost: onLost)
                        up(link)
                        if simulation.redis.process != process { link.cut() }
                    }
                }
            } else {
                answer { [unowned self] in failed(simulation.scenario.isDirect) }
            }
        }
        run(after: 800 * Span.millisecond) {
            guard !isDone else { return }
            isDone = true
            failed(false)
        }
    }

    /// The Redis process ended: its kernel resets the connections.
    func serverGone() {
        for link in [control, data] {
            guard let link else { continue }
            simulation.after(network.down(simulation)) { [unowned self] in run(after: 0) { link.cut() } }
        }
    }

    /// Nothing gets through one way or both; the worker's kernel notices after a while, or its client's timeouts do.
    func block(up: Bool, down: Bool, for duration: Int64, isNoticed: Bool) {
        simulation.log("\(name) is cut off from redis, up \(up), down \(down), for \(duration / Span.millisecond) ms")
        let end = simulation.now + duration
        if up { network.upBlockedUntil = end }
        if down { network.downBlockedUntil = end }
        guard isNoticed else { return }
        for link in [control, data] {
            guard let link else { continue }
            let notices = random.milliseconds(300, 3000)
            if notices < duration { run(after: notices) { link.cut() } }
        }
    }
}
