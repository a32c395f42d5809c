import Cluster
import Coordination
import Foundation
import Glibc
import History
import NIOCore
import RedisClient
import TestSupport

/// A worker that drains stops reading, then closes: what the exchange sent meanwhile is lost, as is what it sends later. On an idle machine that is a
/// few milliseconds' worth; on one that runs several clusters at once the worker is that much behind.
let drainTail = Duration.seconds(2)

/// A `colony up` in a directory of its own.
struct RunningCluster: Sendable {
    let process: ChildProcess
    let directory: String
    let client: ClusterClient
    let exchanges: [String]

    var redis: RedisEndpoint { client.configuration.redis.endpoint }
    var keys: Keys { client.configuration.keys }

    static let allExchanges = ["binance", "huobi", "kraken"]

    func status() async throws -> ClusterStatus { try await client.status() }

    /// Waits until every feed has data on a websocket.
    @discardableResult
    func untilReceiving(within limit: Duration = .seconds(60)) async throws -> ClusterStatus {
        try await eventually("every exchange was receiving", within: limit) {
            let status = try await client.status()
            let receiving = status.feeds.filter { $0.phase == "live" && $0.subscriptions.values.contains("receiving") }
            return receiving.count == exchanges.count ? status : nil
        }
    }

    /// The pid of the Redis that answers now.
    func redisProcess() async throws -> Int32 {
        let connection = try await connect()
        defer { connection.close() }
        guard let pid = try await connection.serverInfo()["process_id"].flatMap({ Int32($0) }) else {
            throw TestFailure("Redis told no process_id")
        }
        return pid
    }

    func connect() async throws -> RedisConnection {
        try await RedisConnection.connect(to: redis, name: "colony:test", on: Loops.next(), timeout: .seconds(10))
    }

    /// Entries in the data streams of a feed.
    func storedCount(_ exchange: String, _ connection: RedisConnection) async throws -> Int {
        let registry = keys.feed(FeedName(exchange), group: exchange).streams
        var count = 0
        for stream in try await connection.send(["HKEYS", .string(registry)]).array ?? [] {
            count += Int(try await connection.send(["XLEN", .string(stream.string ?? "")]).integer ?? 0)
        }
        return count
    }
}

/// A `colony up` that has ended, and what is left of it.
struct FinishedCluster: Sendable {
    let exit: ChildProcess.Exit
    let output: String
    let truth: [TruthLine]
    let feeds: [FeedDump]
    /// Processes of the cluster that outlived it.
    let survivors: [Int32]
}

/// Runs `colony up` in a temporary directory, `body` beside it, then ends it as Ctrl-C does. The streams are read afterwards, from its data.
func withUp<Result: Sendable>(
    _ arguments: [String] = [], exchanges: [String] = RunningCluster.allExchanges,
    _ body: (RunningCluster) async throws -> Result
) async throws -> (result: Result, finished: FinishedCluster) {
    let directory = try OrphanGuard.shared.makeDirectory("up")
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let process = try await ColonyProgram.spawn(
        ["up", "--directory", directory, "--exchanges", exchanges.joined(separator: ",")] + arguments)
    let result: Result
    do {
        try await process.output.waitFor("workers; their logs:", timeout: .seconds(60))
        let configuration = try ConfigurationLoader(file: "\(directory)/colony.yaml", environment: [:]).load().configuration
        let client = try await ClusterClient.connect(configuration)
        defer { client.close() }
        result = try await body(RunningCluster(process: process, directory: directory, client: client, exchanges: exchanges))
    } catch {
        print("colony up wrote:\n\(process.output.text)")
        // Also when the test is being cancelled: nothing is to be left running.
        _ = await Task { try? await endCluster(process) }.value
        throw error
    }
    let (exit, survivors) = try await Task { try await endCluster(process) }.value
    let feeds = try await FeedDump.read(directory: "\(directory)/redis", exchanges: exchanges)
    let recorded = arguments.firstIndex(of: "--record").map { RecordingDirectory(arguments[$0 + 1]).truth }
    let finished = FinishedCluster(
        exit: exit, output: process.output.text, truth: try TruthLine.read(recorded ?? "\(directory)/exchanges.jsonl"), feeds: feeds,
        survivors: survivors.map(\.pid))
    return (result, finished)
}

/// SIGINT, a minute's patience, then SIGKILL for all that is left. Returns the processes that had outlived the program.
private func endCluster(_ process: ChildProcess) async throws -> (exit: ChildProcess.Exit, survivors: [ProcessIdentity]) {
    let family = ProcessIdentity.descendants(of: process.pid)
    process.signal(SIGINT)
    let kill = Loops.next().scheduleTask(in: .seconds(60)) { _ = process.signal(SIGKILL) }
    defer { kill.cancel() }
    let exit = try await process.waitForExit()
    let survivors = family.filter(\.isRunning)
    for survivor in survivors { survivor.signal(SIGKILL) }
    return (exit, survivors)
}
