import Coordination
import Foundation
import RedisClient
import TestSupport
import Testing

/// Random histories (16.5). `COLONY_HISTORY_RUNS` runs of `COLONY_HISTORY_STEPS` steps; `COLONY_HISTORY_SEED` is the first seed: fixed by
/// default, so that a change fails for what it changed; 0 draws one.
@Suite(.timeLimit(.minutes(60)))
struct RandomHistoryTests {
    private static func setting(_ name: String, _ fallback: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? fallback
    }

    private static let steps = setting("COLONY_HISTORY_STEPS", 1000)
    private static let seed = {
        let seed = setting("COLONY_HISTORY_SEED", 1)
        return UInt64(seed == 0 ? Int.random(in: 1...1_000_000_000) : seed)
    }()

    private func runs(_ fallback: Int) -> Range<UInt64> { Self.seed..<(Self.seed + UInt64(Self.setting("COLONY_HISTORY_RUNS", fallback))) }

    @Test func theFunctionsKeepEveryInvariantUnderFaultsOnARealServer() async throws {
        var replies: [String: Int] = [:]
        for seed in runs(2) {
            let history = try await onRedis(.clocked, seed: seed, steps: Self.steps)
            #expect(history.faults == [], "COLONY_HISTORY_SEED=\(seed), \(Self.steps) steps")
            replies.merge(history.replies) { $0 + $1 }
        }
        print("history replies from seed \(Self.seed): \(replies.sorted { $0.key < $1.key })")
    }

    @Test func theModelKeepsEveryInvariantUnderFaultsAndReachesEveryReply() async throws {
        var replies: [String: Int] = [:]
        var readers = (delivered: 0, notWhole: 0)
        for seed in runs(20) {
            let history = RandomHistory(on: ModelHistoryStore(), library: .clocked, seed: seed)
            history.isTraced = Self.setting("COLONY_HISTORY_TRACE", 0) > 0
            try await history.run(steps: Self.steps)
            #expect(history.faults == [], "COLONY_HISTORY_SEED=\(seed), \(Self.steps) steps")
            replies.merge(history.replies) { $0 + $1 }
            for reader in history.readers { readers = (readers.delivered + reader.delivered, readers.notWhole + reader.notWhole) }
        }
        for kind in [
            "acquire 1", "acquire 0 CHANGED", "acquire 0 RESERVED", "gate 1 GO", "gate 0 DUE", "gate 0 COOLING", "gate 0 NOTPENDING",
            "gate 0 FENCED", "retry 1 due", "begin 1", "begin 0 NOTCONNECTING", "begin 0 FENCED", "publish 1", "publish 0 GAP",
            "publish 0 ORDER", "publish 0 ENDED", "publish 0 FENCED", "publish BADID", "lost 1", "disconnect 1 due",
            "disconnect 1 cooling", "disconnect 0 REFUSED", "disconnect 0 GAP", "release 1", "release 0 NOTHELD", "release 0 OTHER",
            "resume 1 SAME", "resume 1 NEW", "resume 0 FENCED", "renew -1", "put back", "record deleted", "stream deleted",
            "foreign entry",
        ] {
            #expect(replies[kind] ?? 0 > 0, "no history reached '\(kind)' (seed \(Self.seed))")
        }
        #expect(readers.delivered > 5000 && readers.notWhole > 0, "\(readers)")
    }

    struct Mutation: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var replacements: [(String, String)]
        /// What must be found: the first letters of a fault.
        var expected: [String]
    }

    static let mutations = [
        Mutation(
            testDescription: "no token check",
            replacements: [
                ("if lease[1] ~= token or token == '' then return { '0', 'FENCED' } end", ""),
                ("token ~= '' and record.token == token", "true"),
            ], expected: ["S10", "S1", "S2", "S3", "repeat"]),
        Mutation(
            testDescription: "no cursor",
            replacements: [("local cursor = tonumber(lease[3])", "local cursor = first lease[3] = args[2]")],
            expected: ["S2", "S1", "S3", "repeat"]),
        Mutation(testDescription: "no after", replacements: [("if opened then", "if false then")], expected: ["S3"]),
        Mutation(testDescription: "no jump", replacements: [("and 1 or jump", "and 1 or 1")], expected: ["S8", "S2"]),
        Mutation(
            testDescription: "no pace",
            replacements: [("return last_admitted and pace > 0 and now - last_admitted < pace", "return false")],
            expected: ["S6"]),
        Mutation(
            testDescription: "resume looks at the record alone",
            replacements: [("if top and top.epoch > epoch then return { '0', 'FENCED' } end", "")], expected: ["S10"]),
        Mutation(
            testDescription: "takeover of a live holder is no disconnect",
            replacements: [
                ("    if phase == 'live' then\n        admitted = request(", "    if phase == 'never' then\n        admitted = request(")
            ],
            expected: ["S7"]),
    ]

    @Test(arguments: mutations) func aMutationIsCaught(mutation: Mutation) async throws {
        var source = FunctionLibrary.clocked.source
        for (old, new) in mutation.replacements {
            #expect(source.contains(old), "the library has no '\(old)' any more")
            source = source.replacing(old, with: new)
        }
        let mutant = FunctionLibrary(name: "mutant1", source: source.replacing("colony1", with: "mutant1"))
        try await withRedis { redis in
            let store = RedisHistoryStore(try await redis.connect())
            try await mutant.load(on: store.connection)
            for seed in Self.seed..<(Self.seed + 60) {
                try await store.reset()
                let history = RandomHistory(on: store, library: mutant, seed: seed)
                try await history.run(steps: 500)
                guard let fault = history.faults.first else { continue }
                let isExpected = mutation.expected.contains { fault.contains(": \($0)") }
                #expect(isExpected, "seed \(seed): \(fault)")
                return
            }
            Issue.record("not caught in 60 histories from seed \(Self.seed)")
        }
    }

    private func onRedis(_ library: FunctionLibrary, seed: UInt64, steps: Int) async throws -> RandomHistory {
        try await withRedis { redis in
            let connection = try await redis.connect()
            try await library.load(on: connection)
            let history = RandomHistory(on: RedisHistoryStore(connection), library: library, seed: seed)
            try await history.run(steps: steps)
            return history
        }
    }
}
