import Cluster
import ColonyExchanges
import Coordination
import RedisClient
import TestSupport
import Testing

/// Settings of one feed in the catalogue.
@Suite struct FeedPolicyTests {
    private let feed = FeedName("binance")

    @Test func `the catalogue's settings stand over the configuration's`() throws {
        var configuration = ColonyConfiguration()
        configuration.exchange.pace = .seconds(30)
        let entry = CatalogueEntry(exchange: "binance", routing: .feed, policy: ["connect_delay": "2s...3s"])
        let settings = try configuration.settings(of: feed, entry: entry)
        #expect(settings.routing == .feed)
        #expect(settings.connectDelay == .seconds(2)...(.seconds(3)))
        #expect(settings.pace == .seconds(30))
    }

    @Test func `the usual routing of an entry leaves the configuration's`() throws {
        var configuration = ColonyConfiguration()
        configuration.exchange.routing = .channel
        #expect(try configuration.settings(of: feed, entry: CatalogueEntry(exchange: "binance")).routing == .channel)
    }

    @Test(arguments: [("pace", "soon"), ("paces", "60s"), ("proxy", "http://localhost:1")])
    func `a setting that is none, or a secret, is refused with its name`(name: String, value: String) {
        let entry = CatalogueEntry(exchange: "binance", policy: [name: value])
        let error = #expect(throws: DialectError.self) { try ColonyConfiguration().settings(of: feed, entry: entry) }
        #expect(error?.description.contains("'binance'") == true)
        #expect(error?.description.contains(name) == true)
    }
}

/// The users that `colony doctor --acl` prints.
@Suite struct AccessRulesTests {
    @Test(.timeLimit(.minutes(1)))
    func `Redis takes them, and the reader may read and nothing else`() async throws {
        let lines = AccessRules.lines(namespace: "colony")
        let users = lines.map { String($0.dropFirst("user ".count)) }
        try await withRedis(RedisServer.Options(users: users)) { redis in
            let admin = try await redis.connect()
            _ = try await admin.send(["XADD", "colony:{binance}:trade:BTCUSDT", "1-1", "data", "x"])
            var endpoint = redis.endpoint
            endpoint.username = "colony-reader"
            endpoint.password = "CHANGE-ME-2"
            let reader = try await RedisConnection.connect(to: endpoint, name: "reader", on: Loops.next())
            defer { reader.close() }
            #expect(try await reader.send(["XLEN", "colony:{binance}:trade:BTCUSDT"]).integer == 1)
            for command: [RedisArgument] in [
                ["DEL", "colony:{binance}:trade:BTCUSDT"], ["XLEN", "other:stream"], ["FUNCTION", "LIST"], ["FLUSHALL"],
                ["XADD", "colony:{binance}:trade:BTCUSDT", "*", "data", "x"], ["CONFIG", "GET", "*"],
            ] {
                await #expect(throws: RedisError.self) { try await reader.send(command) }
            }
        }
    }
}
