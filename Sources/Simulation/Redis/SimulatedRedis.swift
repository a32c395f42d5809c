import Coordination
import NIOCore
import RedisClient

/// The Redis of a simulation: the function model, a process that comes and goes, and what must hold of every call.
final class SimulatedRedis {
    struct Snapshot {
        var model: FunctionModel
        var histories: [FeedHistory]
    }

    unowned let simulation: Simulation
    var model = FunctionModel()
    var histories: [FeedHistory]
    var truths: [FeedTruth]
    private(set) var isUp = true
    /// Number of the server process; connections end with it.
    private(set) var process = 1
    /// What it answers to everything but reads; nil: it works.
    private(set) var refusal: RedisError.Code?
    /// The process is stopped until then.
    private(set) var stalledUntil: Int64 = 0
    private var clockMilliseconds: Int64 = 0
    private(set) var hasSteppedBack = false
    private var captures: [Int: Snapshot] = [:]
    let paceMilliseconds: Int64
    // What S6 and S7 compare with.
    var lastAdmission: [Int64?]
    var admissions: [Int]
    var admittedInAll: [Int]
    var isExcused: [Bool]
    var lastGrant: [(at: Int64, worker: Int)]
    private var lostAt = Int64.min / 2
    /// Who died last as the holder of each feed, and in what state.
    var deaths: [Death?]

    struct Death {
        var holder: Incarnation
        var phase: FeedMachine.Phase
    }

    init(_ simulation: Simulation) {
        self.simulation = simulation
        let count = simulation.feeds.count
        histories = simulation.feeds.map { FeedHistory(streams: $0.streams.count) }
        truths = Array(repeating: FeedTruth(), count: count)
        paceMilliseconds = simulation.mutation == .noPace ? 0 : simulation.policy.pace.wholeMilliseconds
        lastAdmission = Array(repeating: nil, count: simulation.groupCount)
        admissions = Array(repeating: 0, count: count)
        admittedInAll = admissions
        isExcused = Array(repeating: true, count: count)
        lastGrant = Array(repeating: (at: .min / 2, worker: -1), count: count)
        deaths = Array(repeating: nil, count: count)
        switch simulation.mutation {
        case .noCursorCheck: model.omitted = .cursorCheck
        case .noTokenCheck: model.omitted = .tokenCheck
        case .noAfter: model.omitted = .after
        case .notRepeatable: model.omitted = .repeats
        case .renewalsIgnored: model.omitted = .renewals
        default: break
        }
    }

    var runID: String { "run\(process)" }
    var time: Int64 { 1_700_000_000_000 + simulation.now / Span.millisecond + clockMilliseconds }
    var isServing: Bool { isUp && refusal == nil && simulation.now >= stalledUntil }

    // MARK: Faults

    func refuse(_ code: RedisError.Code, for duration: Int64) {
        refusal = code
        simulation.after(duration) { [self] in refusal = nil }
    }

    func runOutOfMemory(for duration: Int64) {
        model.outOfMemory = true
        simulation.after(duration) { [self] in model.outOfMemory = false }
    }

    func stall(for duration: Int64) { stalledUntil = max(stalledUntil, simulation.now + duration) }

    func stepClock(by milliseconds: Int64) {
        clockMilliseconds += milliseconds
        if milliseconds < 0 { hasSteppedBack = true }
        for group in lastAdmission.indices { lastAdmission[group] = nil }
        // What was due may have become due early.
        for feed in isExcused.indices { isExcused[feed] = true }
    }

    func capture(_ number: Int) { captures[number] = Snapshot(model: model, histories: histories) }

    var snapshot: Snapshot { Snapshot(model: model, histories: histories) }

    func restart(_ loss: Fault.Loss, down: Int64, capture number: Int? = nil) {
        switch loss {
        case .nothing: restart(down: down) { _ in }
        case .everything:
            restart(down: down) { redis in
                redis.loseEverything()
                redis.beginAnew()
            }
        case .tail:
            guard let number, let snapshot = captures.removeValue(forKey: number) else { return }
            restart(to: snapshot, down: down)
        }
    }

    /// Another server process takes over with older data.
    func restart(to snapshot: Snapshot, down: Int64) {
        restart(down: down) { redis in
            redis.simulation.reach(.tailLost)
            redis.model = snapshot.model
            redis.model.outOfMemory = false
            redis.histories = snapshot.histories
            redis.dataLost(all: false)
            // Data from before the feed was ever held are none of its data.
            for facts in redis.simulation.feeds
            where redis.model.hashes[facts.lease] == nil && redis.model.streams[facts.control] == nil {
                redis.truths[facts.index].dataLost(all: true)
            }
            redis.beginAnew()
        }
    }

    /// What this server lost is not what a later restart comes back to: it falls back to where this one has begun, at most.
    private func beginAnew() {
        for number in captures.keys { captures[number] = snapshot }
    }

    private func restart(down: Int64, _ change: @escaping (SimulatedRedis) -> Void) {
        guard isUp else { return }
        isUp = false
        process += 1
        stalledUntil = 0
        simulation.log("redis goes down for \(down / Span.millisecond) ms")
        for worker in simulation.workers { worker.serverGone() }
        simulation.after(down) { [self] in
            change(self)
            isUp = true
            simulation.log("redis is up as \(runID)")
        }
    }

    func flush() {
        guard isUp else { return }
        loseEverything()
    }

    private func loseEverything() {
        simulation.reach(.dataEmptied)
        let omitted = model.omitted
        model = FunctionModel()
        model.omitted = omitted
        histories = simulation.feeds.map { FeedHistory(streams: $0.streams.count) }
        dataLost(all: true)
    }

    func deleteRecord(_ feed: Int) {
        model.hashes[simulation.feeds[feed].lease] = nil
        lostAt = simulation.now
        isExcused[feed] = true
        truths[feed].dataLost(all: false)
        histories[feed].isTimeForgotten = true
    }

    func deleteStream(_ feed: Int, _ stream: Int) {
        model.streams[simulation.feeds[feed].streams[stream]] = nil
        histories[feed].forget(stream: stream)
    }

    /// Somebody writes to a data stream by hand.
    func writeAhead(_ feed: Int, _ stream: Int) {
        let id = StreamID(milliseconds: UInt64(time + 3000), sequence: 0)
        _ = model.streams[simulation.feeds[feed].streams[stream], default: StreamModel()].append(
            StreamModel.Entry(id: id, fields: [StreamModel.Field("who", "somebody")]))
    }

    /// Data were lost so lately that a grant among them may still be trusted.
    var hasLostLately: Bool { simulation.now - lostAt <= simulation.policy.timing.ttl.wholeNanoseconds }

    private func dataLost(all: Bool) {
        lostAt = simulation.now
        for group in lastAdmission.indices { lastAdmission[group] = nil }
        for feed in isExcused.indices {
            isExcused[feed] = true
            truths[feed].dataLost(all: all)
        }
    }

    func heal() {
        refusal = nil
        stalledUntil = 0
        model.outOfMemory = false
    }
}
