import ColonyExchanges
import Testing

@Suite("Definitions of exchanges")
struct DialectDefinitionTests {
    @Test("address and subscription are enough")
    func minimum() throws {
        let definition = try DialectDefinition(id: "plain", fields: ["url": "wss://host:8443/feed", "subscribe": "hello"])
        var expected = DialectDefinition(id: "plain", url: "wss://host:8443/feed", subscribe: "hello")
        #expect(definition == expected)
        expected.name = "else"
        #expect(definition != expected)
        let profile = try DefinedDialect(definition).profile
        #expect(profile.id == "plain" && profile.name == "plain" && profile.family == "defined")
        #expect(profile.market == .spot)
        #expect(profile.compression == .none && !profile.offersDeflate)
        #expect(profile.heartbeat.interval == .seconds(30) && profile.heartbeat.replyWithin == .seconds(10))
        #expect(profile.heartbeat.silence == .seconds(90))
        #expect(profile.heartbeat.initiator == .client)
        // Nothing tells a packet's stream.
        #expect(!profile.namesStreams)
    }

    @Test("every field is read")
    func everyField() throws {
        let definition = try DialectDefinition(
            id: "full",
            fields: [
                "url": "ws://127.0.0.1:1", "name": "Full", "market": "futures", "symbol": "BTCUSD",
                "subscribe": "s {channel}.{symbol} {id}",
                "unsubscribe": "u {channel}.{symbol}", "channels.trade": "trades", "channels.candle.1m": "kline_1", "channel_at": "ch",
                "symbol_at": "data[0].s", "ack_at": "event", "ack_value": "subscribed", "error_at": "error", "id_at": "req.id",
                "heartbeat.style": "text", "heartbeat.send": "ping", "heartbeat.every": "15s", "heartbeat.expect": "pong",
                "heartbeat.reply_within": "2500ms", "heartbeat.silence": "1m", "heartbeat.ask": "sping", "heartbeat.answer": "spong",
                "ignore.0": "first", "ignore.10": "third", "ignore.2": "second", "greeting": "true", "deflate": "true",
                "compression": "gzip",
                "limits.max_topics": "30", "limits.messages": "10", "limits.message_window": "2s", "limits.connects": "5",
                "limits.connect_window": "1m", "limits.max_age": "23h",
            ])
        var expected = DialectDefinition(id: "full", url: "ws://127.0.0.1:1", subscribe: "s {channel}.{symbol} {id}")
        expected.name = "Full"
        expected.market = .futures
        expected.exampleSymbol = "BTCUSD"
        expected.unsubscribe = "u {channel}.{symbol}"
        expected.channels = ["trade": "trades", "candle.1m": "kline_1"]
        expected.channelAt = "ch"
        expected.symbolAt = "data[0].s"
        expected.ackAt = "event"
        expected.ackValue = "subscribed"
        expected.errorAt = "error"
        expected.idAt = "req.id"
        expected.heartbeat.style = .text
        expected.heartbeat.send = "ping"
        expected.heartbeat.every = .seconds(15)
        expected.heartbeat.expect = "pong"
        expected.heartbeat.replyWithin = .milliseconds(2500)
        expected.heartbeat.silence = .seconds(60)
        expected.heartbeat.ask = "sping"
        expected.heartbeat.answer = "spong"
        expected.ignore = ["first", "second", "third"]
        expected.waitsForGreeting = true
        expected.offersDeflate = true
        expected.compression = .gzip
        expected.limits = .init(
            maxTopics: 30, messages: 10, messageWindow: .seconds(2), connects: 5, connectWindow: .seconds(60), maxAge: .seconds(82_800))
        #expect(definition == expected)
        let profile = try DefinedDialect(definition).profile
        #expect(profile.heartbeat.initiator == .both && profile.subscribesAfterGreeting && profile.market == .futures)
        #expect(profile.limits == expected.limits)
    }

    @Test("a text to send makes the heartbeat a text heartbeat")
    func impliedStyle() throws {
        let definition = try DialectDefinition(id: "x", fields: ["url": "ws://h", "heartbeat.send": "ping"])
        #expect(definition.heartbeat.style == .text)
        // Nothing describes the answer, so none is waited for.
        #expect(try DefinedDialect(definition).profile.heartbeat.replyWithin == nil)
    }

    @Test(
        "a wrong field is refused by its name",
        arguments: [
            ("url", nil), ("url", "https://host"), ("url", "wss://"), ("url", "wss:///path"), ("url", "wss://a b"), ("colour", "red"),
            ("heartbeat.colour", "red"), ("limits.colour", "red"), ("channels.", "x"), ("ignore.x", "a"), ("market", "barn"),
            ("greeting", "perhaps"), ("deflate", "1"), ("compression", "zip"), ("heartbeat.style", "shout"), ("heartbeat.every", "15"),
            ("heartbeat.every", "1.5s"), ("heartbeat.every", "0s"), ("heartbeat.every", "2h"), ("heartbeat.every", "-1s"),
            ("heartbeat.every", "99999999999999999999s"), ("heartbeat.reply_within", "0ms"), ("heartbeat.silence", "10s"),
            ("heartbeat.expect", "pong"), ("heartbeat.ask", "ping"), ("limits.messages", "0"), ("limits.max_topics", "many"),
            ("limits.max_age", "0d"), ("limits.connects", "5"), ("channel_at", "a..b"), ("channel_at", "a[x]"), ("symbol_at", "s"),
            ("ack_at", ""), ("ack_value", "ok"), ("unsubscribe", "u"), ("subscribe", ""), ("ignore", ""), ("channels.Trade", "t"),
            ("channels.trade", ""), ("heartbeat.answer", "x"),
        ] as [(String, String?)])
    func refusals(field: String, value: String?) {
        var fields = ["url": "wss://host/feed"]
        fields[field] = value
        let error = #expect(throws: DialectError.self) { try DialectDefinition(id: "mine", fields: fields) }
        #expect(error?.code == .badDefinition)
        let named = field == "heartbeat.answer" ? "heartbeat.ask" : field
        #expect(error?.description.hasPrefix("exchange 'mine': \(named)") ?? false, "\(error?.description ?? "no error")")
    }

    @Test(
        "an id that cannot be part of a key is refused",
        arguments: ["", "Big", "a b", "a/b", "a:b", "a{b}", String(repeating: "a", count: 41)])
    func ids(id: String) {
        let error = #expect(throws: DialectError.self) { try DialectDefinition(id: id, fields: ["url": "wss://h"]) }
        #expect(error?.description.contains(": id: ") ?? false)
    }

    @Test("fields that contradict each other are refused")
    func contradictions() {
        let cases: [([String: String], String)] = [
            (["heartbeat.style": "text"], "heartbeat.send"), (["heartbeat.send": "x", "heartbeat.expect": ""], "heartbeat.expect"),
            (["heartbeat.style": "ping", "heartbeat.send": String(repeating: "x", count: 126)], "heartbeat.send"),
            (["heartbeat.ask": "", "heartbeat.answer": "x"], "heartbeat.ask"), (["channels.a": "x", "channels.b": "x"], "channels"),
            (["subscribe": #"{"c":"{channel}","s":"{symbol}"}"#, "channel_at": "c"], "channel_at"),
            (["symbol_at": "s", "channels.a": "x", "channels.b": "y"], "symbol_at"),
        ]
        for (fields, field) in cases {
            let all = fields.merging(["url": "wss://h"]) { own, _ in own }
            let error = #expect(throws: DialectError.self) { try DialectDefinition(id: "mine", fields: all) }
            #expect(
                error?.description.hasPrefix("exchange 'mine': \(field): ") ?? false, "\(error?.description ?? "no error") for \(fields)")
        }
    }

    @Test("a definition made in code is checked when its dialect is made")
    func madeInCode() {
        var definition = DialectDefinition(id: "mine", url: "wss://h", subscribe: nil)
        definition.limits.topicsPerMessage = 0
        let error = #expect(throws: DialectError.self) { try DefinedDialect(definition) }
        #expect(error?.description == "exchange 'mine': limits.topics_per_message: 0 is less than 1")
    }
}
