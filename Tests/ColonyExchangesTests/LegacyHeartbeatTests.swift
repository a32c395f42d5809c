import Testing

@testable import ColonyExchanges

/// The heartbeats that the original client sent, as seen on the wire.
@Suite("Heartbeats of the original client")
struct LegacyHeartbeatTests {
    private static let context = PingContext(wallMilliseconds: 1_600_000_005_489.672, random: 7_300_036_020)

    @Test(
        "every id the original client knew gets its exact bytes",
        arguments: [
            ("fcoin", #"{"cmd": "ping", "args": [1600000005489], "id": "36020"}"#),
            ("fmex", #"{"cmd": "ping", "args": [1600000005489], "id": "36020"}"#),
            ("gate", #"{"id": 36020, "method": "server.ping", "params": []}"#),
            ("gate_swap", #"{"time" : 2020000, "channel" : "futures.ping"}"#),
            ("kraken", #"{"event": "ping"}"#),
            ("liquid", #"{"event": "pusher:ping", "data": {}}"#),
            ("kucoin", #"{"id": 1600000005489.672, "type": "ping"}"#),
            ("bitbank", #"42["message":"ping"]"#),
            ("bitfinex", #"{"event": "ping","cid": 1234}"#),
            ("bitfinex_swap", #"{"event": "ping","cid": 1234}"#),
            ("bybit_swap", #"{"op": "ping"}"#),
            ("bybit_uswap", #"{"op": "ping"}"#),
            ("ftx_swap", #"{"op": "ping"}"#),
            ("ftx_futures", #"{"op": "ping"}"#),
            ("bitmax", #"{"op": "ping"}"#),
        ])
    func texts(id: String, text: String) {
        #expect(LegacyHeartbeat.message(id, Self.context) == .text(text))
    }

    @Test("Huobi's ids send nothing of their own", arguments: ["huobi", "huobi_futures", "huobi_swap"])
    func onlyAnswers(id: String) {
        #expect(LegacyHeartbeat.message(id, Self.context) == nil)
    }

    @Test("every other id sends a PING frame", arguments: ["upbit", "binance", "kraken_futures", "anything else"])
    func controlFrame(id: String) {
        #expect(LegacyHeartbeat.message(id, Self.context) == .ping(Array("ping".utf8)))
    }

    @Test("numbers have the digits the original client wrote")
    func numbers() {
        let context = PingContext(wallMilliseconds: 1_795_345_976_623, random: 5)
        #expect(LegacyHeartbeat.message("kucoin", context) == .text(#"{"id": 1795345976623.0, "type": "ping"}"#))
        #expect(LegacyHeartbeat.message("fmex", context) == .text(#"{"cmd": "ping", "args": [1795345976623], "id": "5"}"#))
    }

    @Test("every dialect sends its legacy heartbeat", arguments: Exchanges.all.map(\.profile.id))
    func everyDialect(id: String) throws {
        #expect(try Exchanges.dialect(id).ping(.legacy2020, Self.context) == LegacyHeartbeat.message(id, Self.context))
    }
}
