import Cluster
import ColonyExchanges
import Coordination
import FoundationEssentials
import Glibc
import History
import Logging
import NIOCore
import NIOPosix
import RedisClient
import Simulator
import Subprocess
import SystemPackage

/// Drains a worker that holds many live feeds, and tells how long that took by Redis' own record and by the process' end.
struct DrainBench: Sendable {
    let feeds: Int
    let rounds: Int
    let rate: Double

    private static let exchange = "binance"
    private static let topic = Topic(channel: "trade", symbol: "BTCUSDT")

    func run() async throws -> DrainResults {
        let directory = try RunDirectory(keeping: nil)
        defer { directory.remove() }
        let logger = Logger(label: "colony.bench") { _ in SwiftLogNoOpLogHandler() }
        return try await EmbeddedRedis(directory: "\(directory.path)/redis").run(logger: logger) { running in
            var simulation = SimulatorConfiguration()
            simulation.exchanges = [Self.exchange]
            simulation.directory = directory.path
            simulation.market.messagesPerSecond = rate
            // All connections come from one address at once, which is not what is measured.
            simulation.adjustRules = { _, rules in rules.connects = nil }
            let simulator = try await ExchangeSimulator.start(simulation)
            do {
                let results = try await measure(directory, running, simulator)
                try await simulator.stop()
                return results
            } catch {
                try await simulator.stop()
                throw error
            }
        }
    }

    private func measure(
        _ directory: RunDirectory, _ running: EmbeddedRedis.Running, _ simulator: ExchangeSimulator
    ) async throws -> DrainResults {
        let lines = [
            "redis: { url: \"\(running.endpoint)\", direct: true, embedded_generation: bench }",
            "worker: { name: bench, state_directory: \"\(directory.path)/state\" }", "placement: { settle: 0s }",
            "exchange: { connect_delay: 0s, pace: 0s, quarantine: 0s, routing: symbol }", "exchanges:", "  \(Self.exchange):",
            "    url: \"\(try simulator.url(Self.exchange))\"", "    tls: { roots: \"\(simulator.caFile ?? "")\" }",
        ]
        let file = "\(directory.path)/bench.yaml"
        try directory.write(lines.joined(separator: "\n") + "\n", to: file)
        let configuration = try ConfigurationLoader(file: file, environment: [:]).load().configuration
        let client = try await ClusterClient.connect(configuration)
        defer { client.close() }
        try await client.createDataSet(generation: "bench")
        let link = try await RedisConnection.connect(
            to: running.endpoint, name: "colony:bench", on: MultiThreadedEventLoopGroup.singleton.next())
        try await FunctionLibrary.colony1.load(on: link)
        let names = (0..<feeds).map { FeedName("\(Self.exchange)/\($0)") }
        for name in names {
            try await client.enter(name)
            let call = DesireCall(
                target: .subscriptions(configuration.keys(of: name)), value: try DesiredTopics.encode([Self.topic]), version: 0)
            _ = try await link.call(call)
        }
        var results = DrainResults(feeds: feeds)
        for round in 1...rounds {
            try await drain(file, names.map { configuration.keys(of: $0) }, link, into: &results)
            Console.error("round \(round)/\(rounds): \(results.last)")
        }
        return results
    }

    private func drain(_ file: String, _ feeds: [FeedKeys], _ link: RedisConnection, into results: inout DrainResults) async throws {
        let events = feeds[0].events
        let signal = try await Subprocess.run(
            .path(FilePath(ProcessInformation.executable)),
            arguments: ["worker", "--single", "--config", file, "--log-level", "error"], input: .none, output: .discarded,
            error: .currentStandardError
        ) { execution in
            try await allLive(feeds, link)
            let end = try await link.send(["XREVRANGE", .string(events), "+", "-", "COUNT", "1"]).array?.first?.array?.first?.string
            let now = try await Self.time(link)
            let at = LocalTime.now()
            try execution.send(signal: .terminate)
            return (redis: now, local: at, end: end ?? "0-0")
        }.closureResult
        let ended = LocalTime.now()
        var free: [Double] = []
        for entry in try await link.send(["XRANGE", .string(events), .string("(\(signal.end)"), "+"], timeout: .seconds(20)).array ?? [] {
            let fields = entry.array?[1].array?.map { $0.string ?? "" } ?? []
            func value(_ name: String) -> String? {
                stride(from: 0, to: fields.count - 1, by: 2).first { fields[$0] == name }.map { fields[$0 + 1] }
            }
            guard value("event") == "released", let at = value("at").flatMap({ Double($0) }) else { continue }
            free.append(at - signal.redis)
        }
        results.add(free: free, exit: Double((ended - signal.local).wholeNanoseconds) / 1e6)
    }

    /// Waits until every feed has stored data on its websocket.
    private func allLive(_ feeds: [FeedKeys], _ link: RedisConnection) async throws {
        let deadline = LocalTime.now() + .seconds(120)
        var waiting = feeds
        while !waiting.isEmpty {
            var rest: [FeedKeys] = []
            for feed in waiting {
                let fields = try await link.send(["HMGET", .string(feed.lease), "phase", "next_sequence"]).array ?? []
                let isLive = fields.count == 2 && fields[0].string == "live" && (fields[1].integer ?? 0) > 3
                if !isLive { rest.append(feed) }
            }
            waiting = rest
            guard LocalTime.now() < deadline else {
                throw ClusterError(.supervisor, "\(waiting.count) of \(feeds.count) feeds were not live within 2 minutes")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Milliseconds on Redis' clock.
    private static func time(_ link: RedisConnection) async throws -> Double {
        let parts = try await link.send(["TIME"]).array ?? []
        guard parts.count == 2, let seconds = parts[0].integer, let microseconds = parts[1].integer else {
            throw ClusterError(.redis, "TIME was not answered with two numbers")
        }
        return Double(seconds) * 1000 + Double(microseconds) / 1000
    }
}

struct DrainResults: Sendable, Encodable {
    struct Promise: Sendable, Encodable {
        var id: String
        var kept: Bool
        var detail: String
    }

    static let freeLimit = 300.0
    static let exitLimit = 500.0

    let feeds: Int
    private var free: [Double] = []
    private var lastFree: [Double] = []
    private var exits: [Double] = []
    private var missing = 0

    init(feeds: Int) { self.feeds = feeds }

    mutating func add(free times: [Double], exit: Double) {
        free += times
        lastFree.append(times.max() ?? 0)
        exits.append(exit)
        missing += max(0, feeds - times.count)
    }

    var last: String {
        "last lease free after \(HistoryVerdict.text(lastFree.last ?? 0)) ms, process ended after \(HistoryVerdict.text(exits.last ?? 0)) ms"
    }

    var promises: [Promise] {
        [
            Promise(
                id: "drain.free", kept: missing == 0 && (lastFree.max() ?? 0) <= Self.freeLimit,
                detail: "\(feeds) feeds; the last lease free after at most \(HistoryVerdict.text(lastFree.max() ?? 0)) ms, allowed "
                    + "\(Int(Self.freeLimit)) ms; \(missing) not given back"),
            Promise(
                id: "drain.exit", kept: (exits.max() ?? 0) <= Self.exitLimit,
                detail: "ended after at most \(HistoryVerdict.text(exits.max() ?? 0)) ms, allowed \(Int(Self.exitLimit)) ms"),
        ]
    }

    var isKept: Bool { promises.allSatisfy(\.kept) }

    var text: String {
        let frees = HistoryVerdict.Quantiles(free)
        let ends = HistoryVerdict.Quantiles(exits)
        return
            (["\(feeds) feeds, \(exits.count) drains", "lease free   \(frees.text)", "process end  \(ends.text)"]
            + promises.map { "\($0.kept ? "kept  " : "BROKEN") \($0.id): \($0.detail)" }).joined(separator: "\n")
    }

    private enum CodingKeys: String, CodingKey {
        case kind, feeds, runs, promises
        case free = "lease_free_ms"
        case exit = "exit_ms"
        case notGivenBack = "not_given_back"
    }

    func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: CodingKeys.self)
        try object.encode("drain", forKey: .kind)
        try object.encode(feeds, forKey: .feeds)
        try object.encode(exits.count, forKey: .runs)
        try object.encode(promises, forKey: .promises)
        try object.encode(HistoryVerdict.Quantiles(free), forKey: .free)
        try object.encode(HistoryVerdict.Quantiles(exits), forKey: .exit)
        try object.encode(missing, forKey: .notGivenBack)
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
