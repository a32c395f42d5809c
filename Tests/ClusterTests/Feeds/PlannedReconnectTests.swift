import Cluster
import ColonyExchanges
import Coordination
import Foundation
import RedisClient
import Simulator
import TestSupport
import Testing

/// Exchanges that cut connections of a certain age: the producers go first.
@Suite struct PlannedReconnectTests {
    private static let exchanges = ["binance", "bitget", "bitstamp", "gate", "kraken", "kucoin", "mexc", "okx"]
    /// A day, in seconds of the test.
    private static let day = 60
    /// The age the producers are told. A third of the day: a busy machine may be late by the rest; `COLONY_TEST_AGE=60` tells them the truth.
    private static let age = ProcessInfo.processInfo.environment["COLONY_TEST_AGE"].flatMap { Int($0) } ?? day / 3

    @Test(.timeLimit(.minutes(5)))
    func `eight exchanges are reconnected before their age limit, spread, each marked, none cut`() async throws {
        try await withRedis { redis in
            let directory = try OrphanGuard.shared.makeDirectory("age")
            defer { try? FileManager.default.removeItem(atPath: directory) }
            var simulation = SimulatorConfiguration()
            simulation.exchanges = Self.exchanges
            simulation.directory = directory
            simulation.adjustRules = { _, rules in rules.maxAge = .seconds(Self.day) }
            let simulator = try await ExchangeSimulator.start(simulation)
            let result: Result<Void, any Error>
            do {
                try await run(simulator, redis, directory)
                result = .success(())
            } catch {
                result = .failure(error)
            }
            try await simulator.stop()
            try result.get()
        }
    }

    private func run(_ simulator: ExchangeSimulator, _ redis: RedisServer, _ directory: String) async throws {
        var lines = [
            "redis:", "  url: \"unix:\(redis.socketPath)\"", "worker:", "  name: age", "  state_directory: \"\(directory)/state\"",
            "placement:", "  settle: 0s", "exchange:", "  connect_delay: 0s", "  pace: 1s", "  max_age: \(Self.age)s", "exchanges:",
        ]
        let dialects = try ConfigurationLoader(environment: [:]).load().configuration
        for exchange in Self.exchanges {
            let symbol = try dialects.dialect(of: exchange).profile.exampleSymbol
            lines += [
                "  \(exchange):", "    url: \"\(try simulator.url(exchange))\"", "    tls: { roots: \"\(simulator.caFile ?? "")\" }",
                "    topics: [ \"trade \(symbol)\" ]",
            ]
        }
        let file = "\(directory)/colony.yaml"
        try (lines.joined(separator: "\n") + "\n").write(toFile: file, atomically: true, encoding: .utf8)
        let worker = try await ColonyProgram.spawn(["worker", "--single", "--config", file])
        defer { worker.signal(SIGKILL) }
        // Three connections of each, so two planned ends.
        for exchange in Self.exchanges {
            try await eventually("\(exchange) was reconnected twice; the worker wrote:\n\(worker.output.text)", within: .seconds(200)) {
                simulator.truth.summary(of: exchange).socketsOpened >= 3 ? true : nil
            }
        }
        let closes = simulator.truth.recent.filter { $0.kind == .close }
        #expect(closes.count >= 2 * Self.exchanges.count)
        let forced = closes.filter { $0.text("cause") != "client" }
        #expect(forced.isEmpty, "\(forced.map(\.line))")

        let opens = simulator.truth.recent.filter { $0.kind == .open }
        let ages = closes.compactMap { close -> Int64? in
            opens.first { $0.exchange == close.exchange && $0.socket == close.socket }.map { close.wall - $0.wall }
        }
        #expect(ages.count == closes.count)
        // In milliseconds: from three quarters of the age on, over a fifth of it.
        let age = Int64(Self.age) * 1000
        #expect(ages.allSatisfy { $0 >= age * 3 / 4 - 100 }, "\(ages)")
        // The websockets were opened together. Eight draws, and sixteen, are within a tenth of what they are drawn from once in a million.
        let first = Self.exchanges.compactMap { exchange in closes.first { $0.exchange == exchange }?.wall }
        for drawn in [first, ages] {
            #expect((drawn.max() ?? 0) - (drawn.min() ?? 0) > age / 5 / 10, "\(drawn)")
        }

        let connection = try await RedisConnection.connect(to: .init(address: .unix(path: redis.socketPath)), on: Loops.next())
        defer { connection.close() }
        for exchange in Self.exchanges {
            let marks = try await FeedDump.read(exchange, connection).marks
            let downs = marks.filter { $0.kind == "down" }
            #expect(downs.count >= 2, "\(exchange)")
            for down in downs {
                #expect(down.fields["reason"]?.hasPrefix("planned") == true, "\(exchange): \(down.fields)")
                #expect(down.fields["complete"] == "yes", "\(exchange)")
                #expect(down.fields["admitted"] == "1", "\(exchange)")
            }
            #expect(marks.count { $0.kind == "up" } >= 3, "\(exchange)")
        }
        worker.signal(SIGTERM)
        _ = try await worker.waitForExit()
    }
}
