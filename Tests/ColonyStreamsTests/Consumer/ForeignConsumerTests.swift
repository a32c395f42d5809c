import ColonyStreams
import Coordination
import Foundation
import NIOCore
import RedisClient
import TestSupport
import Testing

/// The example consumers of other languages, run against the real functions. Each runs where its interpreter and Redis library are installed.
@Suite("Consumers in other languages", .timeLimit(.minutes(5)))
struct ForeignConsumerTests {
    struct Script: Sendable, CustomTestStringConvertible {
        var interpreter: String
        var file: String
        /// Arguments before the file.
        var options: [String] = []
        /// A program that succeeds if what the script needs is installed.
        var probe: [String]

        var testDescription: String { file }

        static let python = Script(
            interpreter: ProcessInfo.processInfo.environment["COLONY_TEST_PYTHON"] ?? "python3", file: "follow.py",
            probe: ["-c", "import redis"])
        static let node = Script(
            interpreter: ProcessInfo.processInfo.environment["COLONY_TEST_NODE"] ?? "node", file: "follow.cjs", probe: ["-e", "0"])
        static let go = Script(
            interpreter: ProcessInfo.processInfo.environment["COLONY_TEST_GO"] ?? "go", file: "follow.go", options: ["run"],
            probe: ["version"])
        static let member = Script(interpreter: python.interpreter, file: "group.py", probe: python.probe)

        func isInstalled() async -> Bool {
            do {
                return try await ChildProcess.spawn(interpreter, probe).waitForExit() == .code(0)
            } catch {
                return false
            }
        }

        var path: String {
            URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
                .appendingPathComponent("Fixtures/Consumers/\(file)").path
        }
    }

    @Test("The Python example follows the contract", .enabled("needs python3 with redis-py") { await Script.python.isInstalled() })
    func python() async throws { try await check(.python) }

    @Test("The Node example follows the contract", .enabled("needs node") { await Script.node.isInstalled() })
    func node() async throws { try await check(.node) }

    @Test("The Go example follows the contract", .enabled("needs go") { await Script.go.isInstalled() })
    func go() async throws { try await check(.go) }

    @Test(
        "A member killed in the middle of its work: its group's successor takes over what it left, and nothing is missed",
        .enabled("needs python3 with redis-py") { await Script.member.isInstalled() })
    func killedMember() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            var published: Set<EntryID> = []
            for _ in 0..<10 {
                published.formUnion(try await producer.publish((0..<10).map { ($0 % 2 == 0 ? "trade:A" : "trade:B", "p") }))
            }
            let url = "redis://127.0.0.1:\(redis.port)"
            let first = try await ChildProcess.spawn(
                Script.member.interpreter, [Script.member.path, url, "binance", "strategy", "one", "0.02", "trade:A", "trade:B"])
            let ids = published.sorted { ($0.milliseconds, $0.sequence) < ($1.milliseconds, $1.sequence) }
            do {
                try await first.output.waitFor(ids[24].description)
            } catch {
                first.signal(9)
                _ = try await first.waitForExit()
                throw error
            }
            first.signal(9)
            _ = try await first.waitForExit()
            let done = try first.output.text.split(separator: "\n").compactMap { try packet($0, hasVerdict: false)?.0 }
            let pending = try await producer.connection.send(["XPENDING", .string(producer.key("trade:A")), "strategy"]).array?[0].integer
            #expect(done.count < published.count)
            // It was in the middle of a batch: something is pending, or the kill came between two of them.
            #expect(pending != nil)

            let successor = try ColonyGroup(
                .init(
                    server: ReaderServer(redis.endpoint, replyTimeout: .seconds(20)),
                    subscriptions: [Subscription(feed: FeedName("binance"), patterns: [.init(channel: "trade", symbol: "*")])],
                    group: "strategy", member: "two", start: .time(milliseconds: 0), claimIdle: .milliseconds(1),
                    waitLimit: .milliseconds(20)))
            var seen = Set(done)
            let missing = published.subtracting(seen)
            var left = missing
            do {
                try await successor.run { event in
                    guard case .entry(let delivery) = event, case .packet = delivery.entry.content else { return }
                    seen.insert(delivery.id)
                    left.remove(delivery.id)
                    if left.isEmpty { throw ColonyGroupTests.Enough() }
                }
            } catch is ColonyGroupTests.Enough {}
            #expect(seen == published)
        }
    }

    /// More than COUNT entries in one stream, one publish over several streams, a gap, a new epoch, and trimming.
    private func check(_ script: Script) async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            try await producer.start()
            var expected: [(EntryID, Bool)] = []
            for _ in 0..<12 { expected += try await producer.publish(Array(repeating: ("trade:A", "a"), count: 50)).map { ($0, true) } }
            expected += try await producer.publish([("trade:B", "ü"), ("trade:A", "a"), ("trade:B", "b")]).map { ($0, true) }
            try await producer.lose("trade:A")
            expected += zip(try await producer.publish([("trade:A", "a"), ("trade:B", "b")]), [false, true]).map { ($0, $1) }
            try await producer.disconnect()
            try await producer.open()
            expected += try await producer.publish([("trade:A", "a"), ("trade:B", "b")]).map { ($0, true) }

            let url = "redis://127.0.0.1:\(redis.port)"
            let process = try await ChildProcess.spawn(
                script.interpreter, script.options + [script.path, url, "binance", "0-0", "trade:A", "trade:B"])
            let seen: [(EntryID, Bool)]
            do {
                try await process.output.waitFor(expected[expected.count - 1].0.description)
                // The reader waits now; one publish writes to both streams.
                let last = try await producer.publish([("trade:A", "x"), ("trade:B", "x"), ("trade:A", "x"), ("trade:B", "x")])
                expected += last.map { ($0, true) }
                try await process.output.waitFor(last[3].description)
                seen = try process.output.text.split(separator: "\n").compactMap { try packet($0) }
            } catch {
                print("\(script.file) printed:\n\(process.output.text.suffix(2_000))")
                process.signal(9)
                _ = try await process.waitForExit()
                throw error
            }
            process.signal(9)
            _ = try await process.waitForExit()
            #expect(seen.map(\.0) == expected.map(\.0))
            #expect(seen.map(\.1) == expected.map(\.1))
        }
    }

    /// Id and verdict of a printed packet; nil for a marker.
    private func packet(_ line: Substring, hasVerdict: Bool = true) throws -> (EntryID, Bool)? {
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "not JSON: \(line)")
        if object["marker"] != nil { return nil }
        let id = try #require((object["id"] as? String).flatMap { EntryID($0) })
        guard hasVerdict else { return (id, true) }
        #expect(object["epoch"] as? Int == id.epoch && object["sequence"] as? Int == id.sequence)
        return (id, try #require(object["whole"] as? Bool))
    }
}
