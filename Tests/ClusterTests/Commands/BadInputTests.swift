import Cluster
import Foundation
import Glibc
import RedisClient
import Simulator
import TestSupport
import Testing

/// What a person gets wrong is answered by one clear line and the documented exit code.
@Suite struct BadInputTests {
    /// The program ended with `code`, and standard error holds one line with all of `words`.
    private func expectComplaint(
        _ code: Int32, _ words: [String], _ outcome: ColonyProgram.Outcome, _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(outcome.exit == .code(code), "\(outcome.errors)", sourceLocation: location)
        #expect(outcome.errorLines.count == 1, "\(outcome.errors)", sourceLocation: location)
        #expect(outcome.errors.hasPrefix("colony: "), "\(outcome.errors)", sourceLocation: location)
        for word in words { #expect(outcome.errors.contains(word), "\(outcome.errors)", sourceLocation: location) }
    }

    /// A file in a directory of its own.
    private func file(_ text: String) throws -> String {
        let path = try OrphanGuard.shared.makeDirectory("input") + "/colony.yaml"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    // MARK: Exchanges

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [["up", "--for", "1s", "--exchanges", "binance,nosuch"], ["exchange", "serve", "--exchanges", "nosuch"]])
    func `an unknown exchange is named`(_ arguments: [String]) async throws {
        expectComplaint(65, ["'nosuch'"], try await ColonyProgram.run(arguments))
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            (["subscribe", "nosuch", "trade", "BTCUSDT"], "'nosuch'"),
            (["subscribe", "binance", "nosuch", "BTCUSDT"], "no channel 'nosuch'"),
            (["tail", "nosuch"], "'nosuch'"),
        ])
    func `an unknown exchange or channel changes nothing in the cluster`(_ arguments: [String], _ words: String) async throws {
        try await withRedis { redis in
            let outcome = try await ColonyProgram.run(arguments + ["--redis", "unix:\(redis.socketPath)"])
            expectComplaint(65, [words], outcome)
            let connection = try await redis.connect()
            defer { connection.close() }
            #expect(try await connection.send(["DBSIZE"]).integer == 0)
        }
    }

    // MARK: Configuration

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            ("redis: [\n", "is not YAML"), ("just words\n", "no mapping"), ("redis:\n  ulr: \"unix:/tmp/x\"\n", "'redis.ulr'"),
            ("exchanges:\n  binance:\n    paec: 1s\n", "'exchanges.binance.paec'"), ("lease:\n  ttl: 1s\n", "impossible lease times"),
            ("lease:\n  ttl: soon\n", "lease.ttl 'soon'"),
        ])
    func `a wrong configuration file is refused with the key or the place`(_ text: String, _ words: String) async throws {
        let path = try file(text)
        let outcome = try await ColonyProgram.run(["worker", "--config", path])
        expectComplaint(64, [words], outcome)
        if !words.contains("lease") { #expect(outcome.errors.contains(path)) }
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [("nosuch.key=1", "'nosuch.key'"), ("lease.ttl=1s", "lease.ttl 1000 ms"), ("nonsense", "'nonsense' is not key=value")])
    func `a wrong setting on the command line is refused`(_ setting: String, _ words: String) async throws {
        for command in ["worker", "up"] {
            expectComplaint(64, [words], try await ColonyProgram.run([command, "--set", setting, "--redis", "redis://127.0.0.1:1"]))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a file that is not there is refused`() async throws {
        let outcome = try await ColonyProgram.run(["status", "--config", "/nowhere/colony.yaml"])
        expectComplaint(64, ["/nowhere/colony.yaml", "No such file"], outcome)
    }

    // MARK: Redis

    @Test(.timeLimit(.minutes(1)), arguments: [["worker"], ["status"], ["subscribe", "binance", "trade", "BTCUSDT"]])
    func `a Redis that is not there is told with its address`(_ arguments: [String]) async throws {
        let address = "redis://127.0.0.1:\(try freePort())"
        expectComplaint(69, [address, "connection refused"], try await ColonyProgram.run(arguments + ["--redis", address]))
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["worker", "status"])
    func `a wrong password is told without showing it`(_ command: String) async throws {
        try await withRedis(.init(password: "right")) { redis in
            let arguments = [command, "--redis", "redis://127.0.0.1:\(redis.port)"]
            let outcome = try await ColonyProgram.run(arguments, environment: ["COLONY_REDIS_PASSWORD": "hushhush"])
            expectComplaint(69, ["WRONGPASS", "password"], outcome)
            #expect(!outcome.errors.contains("hushhush"))
            expectComplaint(69, ["NOAUTH"], try await ColonyProgram.run(arguments))
        }
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [["worker"], ["status"], ["tail", "binance"], ["subscribe", "binance", "trade", "BTCUSDT"]])
    func `a user without the rights is told which`(_ arguments: [String]) async throws {
        try await withRedis(.init(users: ["weak on >secret ~* &* +@connection +info +time"])) { redis in
            let outcome = try await ColonyProgram.run(
                arguments + ["--redis", "redis://127.0.0.1:\(redis.port)"],
                environment: ["COLONY_REDIS_USERNAME": "weak", "COLONY_REDIS_PASSWORD": "secret"])
            expectComplaint(78, ["NOPERM", "ACL"], outcome)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a Redis that is too old is told with its version`() async throws {
        let server = try await OldRedis.start(version: "6.2.0")
        let outcome = try await ColonyProgram.run(["worker", "--redis", "redis://127.0.0.1:\(server.port)"])
        try await server.stop()
        expectComplaint(78, ["6.2.0", "7.0"], outcome)
    }

    // MARK: In use

    @Test(.timeLimit(.minutes(1)))
    func `a port in use is told`() async throws {
        try await withRedis { redis in
            let arguments = ["exchange", "serve", "--exchanges", "binance", "--port", "\(redis.port)"]
            expectComplaint(73, ["127.0.0.1:\(redis.port)", "in use"], try await ColonyProgram.run(arguments))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a worker's name in use is told with its owner`() async throws {
        try await withLightCluster(exchange: "kraken", topics: ["trade BTC/USD"]) { cluster in
            let owner = try await cluster.until("was held") { !$0.holder.isEmpty }.holder
            let outcome = try await cluster.run(["worker", "--single"])
            expectComplaint(73, ["'light'", owner], outcome)
            // The lines for a supervisor are not for people.
            #expect(!cluster.worker.output.text.contains("incarnation "), "\(cluster.worker.output.text)")
            #expect(cluster.worker.output.text.contains("worker 'light' on unix:"))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a directory that cannot be made is told`() async throws {
        let arguments = ["up", "--for", "1s", "--directory", "/proc/nowhere"]
        expectComplaint(73, ["/proc/nowhere"], try await ColonyProgram.run(arguments))
    }

    @Test(.timeLimit(.minutes(1)))
    func `a log directory that cannot be made is told before anything starts`() async throws {
        let arguments = ["worker", "--redis", "unix:/nonexistent/redis.sock", "--log-directory", "/proc/nowhere"]
        expectComplaint(64, ["the log directory /proc/nowhere", "--log-directory"], try await ColonyProgram.run(arguments))
    }

    // MARK: What shows only in the running cluster

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            (LocalAuthority.Defect.wrongHost, ["certificate is for another host", "elsewhere.invalid", "localhost"]),
            (.expired, ["expired on 20"]),
            (.notYetValid, ["not valid before 20"]), (.selfSigned, ["self-signed"]),
        ])
    func `what is wrong with a certificate is the reason that status tells`(defect: LocalAuthority.Defect, words: [String]) async throws {
        try await withLightCluster(exchange: "kraken", topics: ["trade BTC/USD"], certificate: defect) { cluster in
            let feed = try await cluster.until("had a reason") { !$0.reason.isEmpty }
            #expect(feed.phase != "live")
            for word in words { #expect(feed.reason.contains(word), "\(feed.reason)") }
            #expect(cluster.simulator.truth.summary(of: "kraken").socketsOpened == 0)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a symbol that the exchange rejects is listed with the exchange's words`() async throws {
        try await withLightCluster(exchange: "kraken", topics: ["trade BTC/USD"]) { cluster in
            try await cluster.until("received") { $0.subscriptions.values.contains("receiving") }
            let subscribed = try await cluster.run(["subscribe", "kraken", "trade", "NO/SUCH"])
            #expect(subscribed.exit == .code(0), "\(subscribed.errors)")
            try await cluster.until("had a rejected subscription") { feed in
                feed.subscriptions.contains { $0.key.contains("NO/SUCH") && $0.value.hasPrefix("rejected") }
            }
            let listed = try await cluster.run(["subscriptions"])
            #expect(listed.exit == .code(0))
            let row = try #require(listed.output.split(separator: "\n").first { $0.contains("NO/SUCH") })
            let words = try #require(row.range(of: "rejected: ").map { row[$0.upperBound...] }, "\(row)")
            #expect(words.contains { $0.isLetter })
            // The others are not touched by it.
            let other = try #require(listed.output.split(separator: "\n").first { $0.contains("BTC/USD") })
            #expect(other.hasSuffix("receiving"), "\(other)")
        }
    }
}
