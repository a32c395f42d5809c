import RedisClient

@testable import Coordination

/// The Redis of a simulation: the function model, a process that comes and goes, and what must hold of every call.
final class SimulatedRedis {
    private unowned let simulation: FeedSimulation
    var model = FunctionModel()
    private(set) var isUp = true
    /// Number of the server process; connections end with it.
    private(set) var process = 1
    /// What it answers to everything but reads; nil: it works.
    private(set) var refusal: RedisError.Code?
    private var snapshots: [FunctionModel] = []
    private var beforeLastGo: FunctionModel?
    // What S6 and S7 compare with.
    private var lastAdmission: Int64?
    private var admissions: [FeedName: Int] = [:]
    private var excused: Set<FeedName> = []

    init(_ simulation: FeedSimulation) {
        self.simulation = simulation
        excused = Set(simulation.feeds.map(\.feed))
    }

    var runID: String { "run\(process)" }
    var time: Int64 { 1_700_000_000_000 + simulation.now / FeedSimulation.millisecond }

    // MARK: Faults

    func refuse(_ code: RedisError.Code, for duration: Int64) {
        refusal = code
        simulation.after(duration) { [self] in refusal = nil }
    }

    func takeSnapshot() {
        snapshots.append(model)
        if snapshots.count > 4 { snapshots.removeFirst() }
    }

    /// `previous`: as it was just before the last grant or GO.
    enum Return { case intact, empty, older, previous }

    func restart(_ how: Return, down: Int64) {
        guard isUp else { return }
        simulation.log("redis goes down, to come back \(how)")
        simulation.reach("restart \(how)")
        isUp = false
        process += 1
        for worker in simulation.workers { worker.serverGone() }
        simulation.after(down) { [self] in comeUp(how) }
    }

    private func comeUp(_ how: Return) {
        guard !isUp else { return }
        simulation.log("redis is up")
        isUp = true
        switch how {
        case .intact: return
        case .empty: model = FunctionModel()
        case .older, .previous:
            let chosen = how == .previous ? beforeLastGo : snapshots.randomElement(using: &simulation.random)
            guard let snapshot = chosen else { return }
            let lostGrant = simulation.feeds.contains { snapshot.hashes[$0.lease]?["holder"] != model.hashes[$0.lease]?["holder"] }
            // Redis forgot whom it had granted the lease (non-guarantee 3).
            if lostGrant { simulation.excusedUntil = simulation.now + 20 * FeedSimulation.second }
            model = snapshot
        }
        dataLost()
    }

    /// Somebody deletes the lease record.
    func deleteRecord(_ keys: FeedKeys) {
        model.hashes[keys.lease] = nil
        dataLost()
    }

    /// Somebody writes to a data stream.
    func writeAhead(_ keys: FeedKeys) {
        let id = StreamID(milliseconds: UInt64(time + 3000), sequence: 0)
        _ = model.streams[keys.data(channel: "trades", symbol: "s"), default: StreamModel()].append(
            StreamModel.Entry(id: id, fields: [StreamModel.Field("who", "somebody")]))
    }

    private func dataLost() {
        lastAdmission = nil
        for keys in simulation.feeds { excused.insert(keys.feed) }
    }

    func heal() {
        refusal = nil
        comeUp(.intact)
    }

    // MARK: Calls

    func execute<Call: FunctionCall>(_ call: Call) -> Result<Call.Reply, RedisError> {
        if let refusal, !Call.readOnly { return .failure(RedisError(refusal, "refused")) }
        let before = model
        do {
            let reply = try model.call(call, now: time)
            check(call, reply, before)
            if !model.published.isEmpty { publishWakes() }
            return .success(reply)
        } catch {
            simulation.fail("\(Call.function) is answered \(error)")
            return .failure(error as? RedisError ?? RedisError(.other, "\(error)"))
        }
    }

    private func publishWakes() {
        model.published = []
        for worker in simulation.workers where !simulation.chance(30) {
            worker.run(after: simulation.between(0, 20)) { for feed in worker.inOrder { feed.handle(.woken) } }
        }
    }

    private func check<Call: FunctionCall>(_ call: Call, _ reply: Call.Reply, _ before: FunctionModel) {
        if let shown = shownToken(call), before.hashes[shown.keys.lease]?["token"] != shown.token.description,
            model.hashes != before.hashes || model.streams != before.streams
        {
            // A repeated begin is answered again, without effect.
            simulation.fail("S10: \(Call.function) of \(shown.token) had an effect without a valid token")
        }
        for keys in simulation.feeds { checkAdmission(keys, before) }
        if let resume = call as? ResumeCall {
            if case .restored? = reply as? ResumeReply {
                excused.insert(resume.feed.feed)
                simulation.reach("resume NEW")
            }
            if case .same? = reply as? ResumeReply { simulation.reach("resume SAME") }
        }
        if let begin = call as? BeginCall, case .opened? = reply as? BeginReply { checkUp(begin, before) }
        if let acquire = call as? AcquireCall, case .granted? = reply as? AcquireReply {
            switch acquire.mode {
            case .free: simulation.reach("acquire free")
            case .seen: simulation.reach("acquire seen")
            case .dead: simulation.reach("acquire dead")
            }
        }
        if let reply = reply as? GateReply {
            switch reply {
            case .go: beforeLastGo = before
            case .cooling: simulation.reach("COOLING")
            case .notPending: simulation.reach("NOTPENDING")
            default: break
            }
        }
        if case .notConnecting? = reply as? BeginReply { simulation.reach("NOTCONNECTING") }
        if case .refused? = reply as? DisconnectReply { simulation.reach("REFUSED") }
    }

    private func shownToken<Call: FunctionCall>(_ call: Call) -> (keys: FeedKeys, token: Token)? {
        switch call {
        case let call as GateCall: (call.feed, call.token)
        case let call as RetryCall: (call.feed, call.token)
        case let call as BeginCall: (call.feed, call.token)
        case let call as PublishCall: (call.feed, call.token)
        case let call as DisconnectCall: (call.feed, call.token)
        case let call as ReleaseCall:
            if case .clean(let token) = call.proof { (call.feed, token) } else { nil }
        default: nil
        }
    }

    private func checkAdmission(_ keys: FeedKeys, _ before: FunctionModel) {
        let (old, fresh) = (before.hashes[keys.disconnects] ?? [:], model.hashes[keys.disconnects] ?? [:])
        guard fresh["feed"] == keys.feed.text, old["count"] != fresh["count"] else { return }
        admissions[keys.feed, default: 0] += 1
        simulation.log("redis admits a disconnect of \(keys.feed)")
        if let last = lastAdmission, time - last < simulation.policy.pace.wholeMilliseconds {
            simulation.fail("S6: a disconnect of \(keys.feed) is admitted \(time - last) ms after another one")
        }
        lastAdmission = time
    }

    private func checkUp(_ call: BeginCall, _ before: FunctionModel) {
        let record = RecordModel(before.hashes[call.feed.lease] ?? [:])
        guard record.shows(call.token.description) else { return }
        let feed = call.feed.feed
        if record.number("pending_until") > time { simulation.fail("S7: \(feed) is up before its pending_until") }
        let count = admissions[feed] ?? 0
        if !excused.contains(feed), count != 1 { simulation.fail("S7: \(count) admissions between two ups of \(feed)") }
        excused.remove(feed)
        admissions[feed] = 0
    }
}

/// One connection of a worker to Redis: bytes arrive in order each way, late, or never.
final class SimulatedLink {
    private unowned let simulation: FeedSimulation
    private let worker: SimulatedWorker
    let process: Int
    private(set) var isOpen = true
    /// Whether the server still reads what was sent on it.
    private var isRead = true
    private var lastUp: Int64 = 0
    private var lastDown: Int64 = 0
    private var waiting: [Int: (RedisError) -> Void] = [:]
    private var lastCall = 0
    private let onLost: () -> Void

    init(_ worker: SimulatedWorker, process: Int, onLost: @escaping () -> Void) {
        self.simulation = worker.simulation
        self.worker = worker
        self.process = process
        self.onLost = onLost
    }

    /// `late` hears a reply that came after the call had been given up.
    func call<Call: FunctionCall>(
        _ call: Call, timeout: Int64, late: ((Call.Reply) -> Void)? = nil,
        completion: @escaping (Result<Call.Reply, RedisError>) -> Void
    ) {
        guard isOpen else { return completion(.failure(RedisError(.connectionLost, "closed"))) }
        lastCall += 1
        let id = lastCall
        waiting[id] = { completion(.failure($0)) }
        worker.run(after: timeout) { [self] in waiting.removeValue(forKey: id)?(RedisError(.timeout, "no reply")) }
        lastUp = max(lastUp, simulation.now + worker.network.up(simulation))
        let worker = worker
        simulation.after(lastUp - simulation.now) { [self] in
            guard isRead, simulation.redis.isUp, simulation.redis.process == process else { return }
            let result = simulation.redis.execute(call)
            lastDown = max(lastDown, simulation.now + worker.network.down(simulation))
            simulation.after(lastDown - simulation.now) { [self] in
                worker.run(after: 0) { [self] in
                    guard isOpen else { return }
                    if waiting.removeValue(forKey: id) != nil {
                        completion(result)
                    } else if case .success(let reply) = result {
                        late?(reply)
                    }
                }
            }
        }
    }

    /// The worker's side ends; what is under way to the server may still be read (FIN) or not (RST).
    func cut() {
        guard isOpen else { return }
        isOpen = false
        isRead = isRead && simulation.chance(50)
        let calls = waiting.sorted { $0.key < $1.key }
        waiting = [:]
        for (_, call) in calls { call(RedisError(.connectionLost, "cut")) }
        onLost()
    }

    /// The worker's process is gone.
    func processDied() {
        isOpen = false
        isRead = isRead && simulation.chance(50)
        waiting = [:]
    }
}

/// A worker's way to Redis.
struct SimulatedNetwork {
    var upBlockedUntil: Int64 = 0
    var downBlockedUntil: Int64 = 0
    /// Longest additional delay, milliseconds.
    var slow: Int64 = 0

    func up(_ simulation: FeedSimulation) -> Int64 { max(0, upBlockedUntil - simulation.now) + delay(simulation) }
    func down(_ simulation: FeedSimulation) -> Int64 { max(0, downBlockedUntil - simulation.now) + delay(simulation) }

    private func delay(_ simulation: FeedSimulation) -> Int64 {
        let base = Int64.random(in: 50_000...1_000_000, using: &simulation.random)
        return slow > 0 && simulation.chance(60) ? base + simulation.between(0, slow) : base
    }
}

/// The exchange: accepts websockets or not, ends them, and counts the open ones of each feed in true time.
final class SimulatedExchange {
    final class Socket {
        let feed: FeedName
        let worker: String
        var isOpen = true

        init(feed: FeedName, worker: String) {
            self.feed = feed
            self.worker = worker
        }
    }

    private unowned let simulation: FeedSimulation
    private(set) var open: [FeedName: [Socket]] = [:]
    private(set) var isRefusing = false

    init(_ simulation: FeedSimulation) { self.simulation = simulation }

    func refuse(for duration: Int64) {
        isRefusing = true
        simulation.after(duration) { [self] in isRefusing = false }
    }

    func heal() { isRefusing = false }

    func accept(_ feed: FeedName, from worker: String) -> Socket {
        let socket = Socket(feed: feed, worker: worker)
        open[feed, default: []].append(socket)
        simulation.log("exchange opens a websocket of \(feed) for \(worker)")
        let owners = open[feed]?.map(\.worker) ?? []
        if owners.count > 1, simulation.now >= simulation.excusedUntil {
            simulation.fail("S4: \(feed) has \(owners.count) open websockets: \(owners)")
        }
        return socket
    }

    /// Gone, whoever closed it.
    func close(_ socket: Socket) {
        guard socket.isOpen else { return }
        socket.isOpen = false
        open[socket.feed]?.removeAll { $0 === socket }
        simulation.log("the websocket of \(socket.feed) at \(socket.worker) is closed")
    }
}
