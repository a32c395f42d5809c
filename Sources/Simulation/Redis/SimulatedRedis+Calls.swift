import Coordination
import NIOCore
import RedisClient

extension SimulatedRedis {
    /// Executes a request now and judges its effect.
    func perform(_ request: Request, from worker: SimulatedWorker?) -> Result<Reply, RedisError> {
        if let refusal, !request.isRead { return .failure(RedisError(refusal, "refused")) }
        guard let shown = request.shown else { return execute(request, worker) }
        let facts = simulation.feeds[shown.feed]
        let record = model.hashes[facts.lease]
        if record?["token"] == shown.token.description { return execute(request, worker) }
        let tops = facts.streams.map { model.streams[$0]?.lastGeneratedID }
        let result = execute(request, worker)
        if model.hashes[facts.lease] != record || facts.streams.map({ model.streams[$0]?.lastGeneratedID }) != tops {
            simulation.fail("S10", "\(facts.name): a call of \(shown.token) had an effect without a valid token")
        }
        return result
    }

    private func execute(_ request: Request, _ worker: SimulatedWorker?) -> Result<Reply, RedisError> {
        do {
            switch request {
            case .initialise(_, let call):
                _ = try model.call(call, now: time)
                return .success(.initialised)
            case .observe(let feeds):
                return .success(.observed(feeds.map { model.observe(simulation.feeds[$0].lease) }))
            case .renew(let call, let feeds):
                let now = time
                var results: [RenewReply.Result] = []
                for (lease, feed) in zip(call.leases, feeds) {
                    results.append(model.renew(simulation.feeds[feed].lease, token: lease.token.description, now: now))
                }
                return .success(.renewed(RenewReply(results: results, now: now)))
            case .acquire(let feed, let call): return .success(.acquired(try acquire(feed, call, worker)))
            case .gate(let feed, let call): return .success(.feed(.gate(try gate(feed, call, worker))))
            case .retry(_, let call): return .success(.feed(.retry(try model.call(call, now: time))))
            case .begin(let feed, let call): return .success(.feed(.begin(try begin(feed, call))))
            case .publish(let feed, _, let header, let body): return .success(.published(try publish(feed, header, body)))
            case .lost(let feed, let call):
                let reply = try model.call(call, now: time)
                absorb(feed)
                if case .next = reply { simulation.reach(.overflowAnnounced) }
                return .success(.lost(reply))
            case .disconnect(let feed, let call):
                let reply = try admitting(feed) { try model.call(call, now: time) }
                if case .refused = reply { simulation.reach(.softDisconnectRefused) }
                return .success(.feed(.disconnect(reply)))
            case .release(let feed, let call):
                let left = Left(feed, self)
                let reply = try admitting(feed) { try model.call(call, now: time) }
                if reply == .released, case .dead = call.proof { left.judge(self, connect: call.connectMilliseconds) }
                publishWakes()
                return .success(.feed(.release(reply)))
            case .resume(let feed, let call): return .success(.feed(.resume(try resume(feed, call))))
            case .beat(let call): return .success(try beat(call))
            case .members: return .success(.members(members(), version: membersVersion))
            }
        } catch {
            if let error = error as? RedisError, error.code == .outOfMemory {
                simulation.reach(.batchRefusedOutOfMemory)
                return .failure(error)
            }
            simulation.fail("library", "a call is answered \(error)")
            return .failure(error as? RedisError ?? RedisError(.other, "\(error)"))
        }
    }

    // MARK: Feeds

    private func acquire(_ feed: Int, _ call: AcquireCall, _ worker: SimulatedWorker?) throws -> AcquireReply {
        let before = model.hashes[simulation.feeds[feed].lease]
        let left = Left(feed, self)
        let trapped = worker?.isTrapped(.loseGrant) ?? false ? snapshot : nil
        let reply = try admitting(feed) { try model.call(call, now: time) }
        switch reply {
        case .granted(let grant):
            if before?["holder"] == call.incarnation.text, before?["epoch"] == String(grant.epoch) { break }
            left.judge(self, connect: call.connectMilliseconds)
            switch call.mode {
            case .free: simulation.reach(.acquiredFree)
            case .seen: simulation.reach(.acquiredSeen)
            case .dead: simulation.reach(.acquiredDead)
            }
            if grant.epoch - grant.previousEpoch >= 100 { simulation.reach(.epochJumped) }
            if before?["phase"] == "waiting" {
                if grant.pending == .cooling { simulation.reach(.coolingInherited) }
                if before?["pending"] == "due" { simulation.reach(.dueInherited) }
            }
            if before?["phase"] == "connecting" { simulation.reach(.crashInConnect) }
            lastGrant[feed] = (simulation.now, worker?.index ?? -1)
            simulation.acquired(feed, freedAt: before?["state"] == "free" ? before?["renewed_at"].flatMap { Int64($0) } : nil)
            if let trapped { replace(by: trapped, worker, .loseGrant) }
        case .changed:
            if simulation.now - lastGrant[feed].at < 100 * Span.millisecond, lastGrant[feed].worker != worker?.index {
                simulation.reach(.twoClaimantsAtOnce)
            }
        case .reserved: simulation.reach(.reserved)
        case .epochExhausted, .missing: break
        }
        return reply
    }

    /// A server that has not heard of what was just done takes over.
    private func replace(by snapshot: Snapshot, _ worker: SimulatedWorker?, _ trap: Fault.Trap) {
        worker?.spring(trap)
        simulation.after(simulation.random.milliseconds(1, 60)) { [self] in
            restart(to: snapshot, down: simulation.random.milliseconds(2, 200))
        }
    }

    private func gate(_ feed: Int, _ call: GateCall, _ worker: SimulatedWorker?) throws -> GateReply {
        let trapped = worker?.isTrapped(.loseGo) ?? false ? snapshot : nil
        let reply = try admitting(feed) { try model.call(call, now: time) }
        switch reply {
        case .go: if let trapped { replace(by: trapped, worker, .loseGo) }
        case .cooling: simulation.reach(.cooling)
        case .notPending: simulation.reach(.notPending)
        case .due, .fenced: break
        }
        return reply
    }

    private func begin(_ feed: Int, _ call: BeginCall) throws -> BeginReply {
        let facts = simulation.feeds[feed]
        let before = model.hashes[facts.lease] ?? [:]
        let reply = try model.call(call, now: time)
        absorb(feed)
        switch reply {
        case .opened(let epoch, _, _):
            guard before["token"] == call.token.description else {
                simulation.reach(.beginRepeated)
                break
            }
            if epoch - call.token.epoch >= 100 { simulation.reach(.epochJumped) }
            if let until = before["pending_until"].flatMap({ Int64($0) }), until > time, !isExcused[feed] {
                simulation.fail("S7", "\(facts.name) is up before its pending_until")
            }
            if !isExcused[feed], admissions[feed] != 1 {
                simulation.fail("S7", "\(facts.name): \(admissions[feed]) admissions between two ups")
            }
            isExcused[feed] = false
            admissions[feed] = 0
        case .notConnecting: simulation.reach(.notConnecting)
        case .fenced, .epochExhausted: break
        }
        return reply
    }

    private func resume(_ feed: Int, _ call: ResumeCall) throws -> ResumeReply {
        let facts = simulation.feeds[feed]
        let before = model.hashes[facts.lease]?["epoch"]
        let reply = try model.call(call, now: time)
        absorb(feed)
        switch reply {
        case .restored(let epoch, _, _):
            if before == String(epoch) { simulation.reach(.resumeRepeated) } else { simulation.reach(.resumedAnew) }
            isExcused[feed] = true
            if epoch - call.epoch >= 100 { simulation.reach(.epochJumped) }
        case .same: simulation.reach(.resumedSame)
        case .fenced, .epochExhausted: break
        }
        return reply
    }

    private func publish(_ feed: Int, _ header: ByteBuffer, _ body: ByteBuffer) throws -> PublishReply {
        var command = header
        var body = body
        command.writeBuffer(&body)
        let reply = try PublishCall.decode(try model.run(CommandWords.read(command), now: time))
        absorb(feed)
        switch reply {
        case .fenced: simulation.reach(.publishFenced)
        case .ended: simulation.reach(.publishEnded)
        case .order: simulation.reach(.orderRefused)
        case .gap, .next: break
        }
        return reply
    }

    func absorb(_ feed: Int) { histories[feed].absorb(simulation, simulation.feeds[feed], &truths[feed]) }

    /// Performs a call that may admit a disconnect: S6.
    private func admitting<Result>(_ feed: Int, _ action: () throws -> Result) rethrows -> Result {
        let facts = simulation.feeds[feed]
        let before = model.hashes[facts.disconnects]?["count"]
        let result = try action()
        absorb(feed)
        let quarantine = simulation.policy.quarantine.wholeMilliseconds
        if quarantine > 0, model.hashes[facts.lease]?["pending_span"] == String(quarantine), !isExcused[feed] {
            simulation.reach(.quarantined)
            isExcused[feed] = true
        }
        guard model.hashes[facts.disconnects]?["count"] != before else { return result }
        admissions[feed] += 1
        admittedInAll[feed] += 1
        simulation.log("redis admits a disconnect of \(facts.name)")
        let pace = simulation.policy.pace.wholeMilliseconds
        if let last = lastAdmission[facts.groupIndex], time - last < pace {
            simulation.fail("S6", "a disconnect of \(facts.name) is admitted \(time - last) ms after another one")
        }
        lastAdmission[facts.groupIndex] = time
        return result
    }

    // MARK: Members

    private func beat(_ call: BeatCall) throws -> Reply {
        let reply = try model.call(call, now: time)
        let silent = (model.scores[call.namespace.beats] ?? [:]).filter { $0.value <= reply.now - 3000 }.keys.sorted().map {
            Incarnation($0)
        }
        var admitted = [Int64?](repeating: nil, count: simulation.groupCount)
        for facts in simulation.feeds where admitted[facts.groupIndex] == nil {
            admitted[facts.groupIndex] = model.hashes[facts.disconnects]?["last_admitted"].flatMap { Int64($0) }
        }
        return .beat(reply, silent: silent, admitted: admitted)
    }

    private var membersVersion: Int { model.hashes[Keys().meta]?["members_version"].flatMap { Int($0) } ?? 0 }

    private func members() -> [Member] {
        let keys = Keys()
        let beats = (model.scores[keys.beats] ?? [:]).sorted { ($0.value, $0.key) < ($1.value, $1.key) }
            .map { (incarnation: Incarnation($0.key), at: $0.value) }
        let values = beats.map { beat in
            let hash = model.hashes[keys.worker(beat.incarnation)] ?? [:]
            return Membership.fields.map { hash[$0] }
        }
        return Membership.members(beats: beats, values: values)
    }

    private func publishWakes() {
        guard !model.published.isEmpty else { return }
        let wakes = model.published.compactMap { Wake($0.text) }
        model.published = []
        for worker in simulation.workers where worker.isAlive && !simulation.random.chance(simulation.scenario.lostWakes) {
            worker.run(after: simulation.random.milliseconds(0, 20)) { for wake in wakes { worker.woken(wake) } }
        }
    }
}
