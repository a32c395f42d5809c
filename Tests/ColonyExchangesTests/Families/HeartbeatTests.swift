import ColonyExchanges
import Testing

@Suite("Heartbeats")
struct HeartbeatTests {
    private static let context = PingContext(wallMilliseconds: 1_600_000_005_489.672, random: 7_300_036_020)

    @Test(
        "the documented heartbeat is what the exchange documents",
        arguments: [
            ("fcoin", #"{"cmd":"ping","args":[1600000005489],"id":"36020"}"#),
            ("fmex", #"{"cmd":"ping","args":[1600000005489],"id":"36020"}"#),
            ("gate", #"{"time":1600000005,"channel":"spot.ping"}"#), ("gate_swap", #"{"time":1600000005,"channel":"futures.ping"}"#),
            ("liquid", #"{"event":"pusher:ping","data":{}}"#), ("kucoin", #"{"id":"1600000005489","type":"ping"}"#),
            ("kucoin_futures", #"{"id":"1600000005489","type":"ping"}"#), ("ftx_swap", #"{"op":"ping"}"#),
            ("ftx_futures", #"{"op":"ping"}"#),
            ("bitmax", #"{"op":"ping"}"#), ("bitstamp", #"{"event":"bts:heartbeat"}"#), ("hyperliquid", #"{"method":"ping"}"#),
            ("mexc", #"{"method":"PING"}"#), ("mexc_swap", #"{"method":"ping"}"#),
        ])
    func documentedTexts(id: String, text: String) throws {
        #expect(try Exchanges.dialect(id).ping(.documented, Self.context) == .text(text))
    }

    @Test("three exchanges are asked with PING frames", arguments: ["upbit", "bithumb", "coincheck"])
    func controlFrames(id: String) throws {
        #expect(try Exchanges.dialect(id).ping(.documented, Self.context) == .ping(Array("ping".utf8)))
    }

    @Test("where the server asks, the client sends none of its own", arguments: ["bitbank", "cryptocom", "dydx"])
    func onlyAnswers(id: String) throws {
        let dialect = try Exchanges.dialect(id)
        #expect(dialect.ping(.documented, Self.context) == nil)
        #expect(dialect.profile.heartbeat.initiator == .server)
        #expect(dialect.profile.heartbeat.interval == nil)
        #expect(dialect.profile.heartbeat.serverInterval != nil)
    }

    @Test("with the engine.io of 2020 bitbank's client asks")
    func engineIO3() throws {
        var dialect = try Exchanges.dialect("bitbank")
        dialect.profile.url = "wss://stream.bitbank.cc/socket.io/?EIO=3&transport=websocket"
        #expect(dialect.ping(.documented, Self.context) == .text("2"))
    }

    @Test(
        "the heartbeats of the original client are kept",
        arguments: [
            ("fcoin", #"{"cmd": "ping", "args": [1600000005489], "id": "36020"}"#),
            ("gate", #"{"id": 36020, "method": "server.ping", "params": []}"#),
            ("gate_swap", #"{"time" : 2020000, "channel" : "futures.ping"}"#), ("liquid", #"{"event": "pusher:ping", "data": {}}"#),
            ("kucoin", #"{"id": 1600000005489.672, "type": "ping"}"#), ("bitbank", #"42["message":"ping"]"#),
            ("ftx_swap", #"{"op": "ping"}"#),
            ("bitmax", #"{"op": "ping"}"#),
        ])
    func legacyTexts(id: String, text: String) throws {
        #expect(try Exchanges.dialect(id).ping(.legacy2020, Self.context) == .text(text))
    }

    @Test(
        "an id the original client did not know gets its PING frame",
        arguments: ["upbit", "mexc", "dydx", "cryptocom", "coincheck", "bitstamp"])
    func legacyDefault(id: String) throws {
        #expect(try Exchanges.dialect(id).ping(.legacy2020, Self.context) == .ping(Array("ping".utf8)))
    }

    @Test("the times of a profile do not contradict each other", arguments: RequestTests.ids)
    func times(id: String) throws {
        let profile = try Exchanges.dialect(id).profile
        let heartbeat = profile.heartbeat
        if let interval = heartbeat.interval {
            #expect(interval < heartbeat.silence)
            #expect(heartbeat.replyWithin.map { interval + $0 <= heartbeat.silence } ?? true)
        } else {
            #expect(heartbeat.serverInterval.map { $0 < heartbeat.silence } ?? false)
        }
        #expect(profile.limits.topicsPerMessage >= 1 && profile.limits.messages >= 1)
        #expect((profile.limits.connects == nil) == (profile.limits.connectWindow == nil))
        #expect(profile.url.hasPrefix("wss://") || profile.family == "kucoin")
    }

    @Test("requests wait for a greeting where it must come first", arguments: RequestTests.ids)
    func greetings(id: String) throws {
        let waits = ["kucoin", "kucoin_futures", "liquid", "bitbank"].contains(id)
        #expect(try Exchanges.dialect(id).profile.subscribesAfterGreeting == waits)
    }

    @Test(
        "what is documented about a connection's age and load stands in the profile",
        arguments: [("kucoin", 86_400, 300), ("kucoin_futures", 86_400, 300), ("mexc", 86_400, 30)])
    func limits(id: String, age: Int, topics: Int) throws {
        let limits = try Exchanges.dialect(id).profile.limits
        #expect(limits.maxAge == .seconds(age))
        #expect(limits.maxTopics == topics)
    }
}
