import ColonyExchanges
import Testing

@Suite("Exchanges defined by data")
struct DefinedDialectTests {
    private static let gateway = [
        "url": "wss://gateway.example/stream", "subscribe": #"{"op":"sub","ch":"{channel}.{symbol}","id":{id}}"#,
        "unsubscribe": #"{"op":"unsub","ch":"{channel}.{symbol}","id":{id}}"#, "channels.trade": "trades", "channels.book": "l2.raw",
        "channel_at": "ch", "symbol_at": "data.s", "ack_at": "op", "ack_value": "subscribed", "error_at": "error",
        "heartbeat.send": #"{"op":"ping","t":{time}}"#, "heartbeat.expect": #""op":"pong""#, "heartbeat.ask": #""op":"areyouthere""#,
        "heartbeat.answer": #"{"op":"iam"}"#, "ignore": "welcome",
    ]

    private func connection(_ fields: [String: String], without: String..., with more: [String: String] = [:]) throws -> Connection {
        let fields = fields.filter { !without.contains($0.key) }.merging(more) { _, new in new }
        return Connection(try DefinedDialect(try DialectDefinition(id: "mine", fields: fields)))
    }

    @Test("templates are filled for each topic, with ids that count up")
    func requests() throws {
        let dialect = try connection(Self.gateway).dialect
        let topics = [Topic("trade", "BTC-USD"), Topic("book", "{id}")]
        #expect(
            dialect.subscribe(topics, firstID: 8) == [
                Request(id: "8", topics: [topics[0]], message: .text(#"{"op":"sub","ch":"trades.BTC-USD","id":8}"#)),
                Request(id: "9", topics: [topics[1]], message: .text(#"{"op":"sub","ch":"l2.raw.{id}","id":9}"#)),
            ])
        #expect(
            dialect.unsubscribe([topics[0]], remaining: [], firstID: 3).map(\.message) == [
                .text(#"{"op":"unsub","ch":"trades.BTC-USD","id":3}"#)
            ])
        #expect(dialect.connection(topics: [], random: 0) == .url("wss://gateway.example/stream"))
    }

    @Test("a template without topic is sent once for all of them, and without id it has none")
    func oneMessageForAll() throws {
        let dialect = try connection(["url": "ws://h", "subscribe": "{\"go\":1}"]).dialect
        let topics = [Topic("trade", "A"), Topic("trade", "B")]
        #expect(dialect.subscribe(topics, firstID: 1) == [Request(id: nil, topics: topics, message: .text("{\"go\":1}"))])
        #expect(dialect.unsubscribe(topics, remaining: [], firstID: 1).isEmpty)
        #expect(try connection(["url": "ws://h"]).dialect.subscribe(topics, firstID: 1).isEmpty)
    }

    @Test("packets are routed by the values at the paths, acknowledgements and refusals matched, signs of life told apart")
    func reading() throws {
        var connection = try connection(Self.gateway)
        #expect(connection.read(#"{"ch":"trades.BTC-USD","data":{"s":"BTC-USD","p":1}}"#) == .packet(Topic("trade", "BTC-USD")))
        #expect(connection.read(#"{"ch":"l2.raw","data":{"s":"BTC-USD"}}"#) == .packet(Topic("book", "BTC-USD")))
        #expect(connection.read(#"{"ch":"Fund/Rate.X","data":{"s":"X"}}"#) == .packet(Topic("fund-rate", "X")))
        #expect(connection.read(#"{"op":"subscribed","id":8}"#) == .ack(Acknowledgement(.accepted, requestID: "8")))
        #expect(
            connection.read(#"{"op":"subscribed","ch":"trades.A","data":{"s":"A"}}"#)
                == .ack(Acknowledgement(.accepted, topics: [Topic("trade", "A")])))
        #expect(connection.read(#"{"error":"no \"such\"","id":9}"#) == .ack(Acknowledgement(.rejected(#"no "such""#), requestID: "9")))
        #expect(connection.read(#"{"op":"pong"}"#) == .heartbeat)
        #expect(connection.read(#"{"op":"areyouthere"}"#) == .reply(.text(#"{"op":"iam"}"#)))
        #expect(connection.read("welcome, stranger") == .heartbeat)
        #expect(connection.read(#"{"ch":"trades.A"}"#) == .unrouted)
        #expect(connection.read(#"{"ch":"trades.A","data":{"s":"#).isMalformed)
        #expect(connection.read("hello").isMalformed)
    }

    @Test(
        "what says that nothing is wrong is no refusal",
        arguments: [
            ("null", false), ("false", false), ("0", false), (#""""#, false), (#""0""#, false), ("1", true), ("{}", true), ("true", true),
        ])
    func refusalValues(value: String, isRefusal: Bool) throws {
        var connection = try connection(Self.gateway)
        let meaning = connection.read(#"{"error":\#(value),"ch":"trades","data":{"s":"A"}}"#)
        #expect(
            meaning == (isRefusal ? .ack(Acknowledgement(.rejected(value), topics: [Topic("trade", "A")])) : .packet(Topic("trade", "A"))))
    }

    @Test("a member that is there is enough where no value is named")
    func acknowledgementByPresence() throws {
        var connection = try connection(Self.gateway, without: "ack_value")
        #expect(connection.read(#"{"op":7,"id":"x"}"#) == .ack(Acknowledgement(.accepted, requestID: "x")))
    }

    @Test("channel and symbol that are joined are taken apart as the subscription joins them")
    func joined() throws {
        var dotted = try connection(Self.gateway, without: "symbol_at")
        #expect(dotted.read(#"{"ch":"trades.BTC-USD"}"#) == .packet(Topic("trade", "BTC-USD")))
        #expect(dotted.read(#"{"ch":"l2.raw.BTC-USD"}"#) == .packet(Topic("book", "BTC-USD")))
        #expect(dotted.read(#"{"ch":"other.kind.BTC-USD"}"#) == .packet(Topic("other.kind", "BTC-USD")))
        #expect(dotted.read(#"{"ch":"nodot"}"#) == .unrouted)
        var reversed = try connection(["url": "ws://h", "subscribe": "{symbol}@{channel}", "channel_at": "s", "channels.trade": "deal@1"])
        #expect(reversed.read(#"{"s":"btc@deal@1"}"#) == .packet(Topic("trade", "btc")))
        #expect(reversed.read(#"{"s":"btc@depth@5"}"#) == .packet(Topic("depth-5", "btc")))
        #expect(try reversed.dialect.canonical(Topic("trades", "btc")) == Topic("trade", "btc"))
    }

    @Test("a symbol alone belongs to the one channel; a channel alone to all symbols; nothing at all to the control stream")
    func fewPaths() throws {
        var symbolOnly = try connection(["url": "ws://h", "channels.trade": "t", "symbol_at": "[].s"])
        #expect(symbolOnly.read(#"[{"s":"A"},{"s":"A"}]"#) == .packet(Topic("trade", "A")))
        #expect(symbolOnly.read(#"[{"s":"A"},{"s":"B"}]"#) == .packet(Topic("trade", "_all")))
        var channelOnly = try connection(["url": "ws://h", "subscribe": "{channel}", "channel_at": "c"])
        #expect(channelOnly.read(#"{"c":7}"#) == .packet(Topic("7", "_all")))
        #expect(try channelOnly.dialect.canonical(Topic("7", "BTC")) == Topic("7", "_all"))
        var several = try connection(["url": "ws://h", "channel_at": "c", "symbol_at": "d[].s"])
        #expect(several.read(#"{"c":"x","d":[{"s":"A"},{"s":"B"}]}"#) == .packet(Topic("x", "_all")))
        var none = try connection(["url": "ws://h", "subscribe": "go"])
        #expect(none.read("anything, even what is not JSON") == .unrouted)
        #expect(none.read([0xFF, 0x00], isText: false) == .unrouted)
    }

    @Test("users may write the word or the exchange's own name")
    func canonical() throws {
        let listed = try connection(Self.gateway).dialect
        #expect(try listed.canonical(Topic("trades", "btc-usd")) == Topic("trade", "btc-usd"))
        #expect(try listed.canonical(Topic("l2.raw", "X")) == Topic("book", "X"))
        let error = #expect(throws: DialectError.self) { try listed.canonical(Topic("ticker", "X")) }
        #expect(error?.description == "mine has no channel 'ticker'; its definition lists book, trade")
        #expect(throws: DialectError.self) { try listed.canonical(Topic("trade", "A B")) }
        let open = try connection(["url": "ws://h"]).dialect
        #expect(try open.canonical(Topic("trades", "X")) == Topic("trades", "X"))
        #expect(throws: DialectError.self) { try open.canonical(Topic("Trades", "X")) }
    }

    @Test("the heartbeat is the text, the frame or nothing, and the original client's where asked for")
    func heartbeats() throws {
        let context = PingContext(wallMilliseconds: 1_600_000_005_489.672, random: 1)
        #expect(try connection(Self.gateway).dialect.ping(.documented, context) == .text(#"{"op":"ping","t":1600000005489}"#))
        #expect(try connection(["url": "ws://h"]).dialect.ping(.documented, context) == .ping(Array("ping".utf8)))
        let payload = ["url": "ws://h", "heartbeat.style": "ping", "heartbeat.send": "hi"]
        #expect(try connection(payload).dialect.ping(.documented, context) == .ping(Array("hi".utf8)))
        let silent = try connection(["url": "ws://h", "heartbeat.style": "none"]).dialect
        #expect(silent.ping(.documented, context) == nil)
        #expect(silent.profile.heartbeat.initiator == .none && silent.profile.heartbeat.interval == nil)
        #expect(silent.ping(.legacy2020, context) == .ping(Array("ping".utf8)))
    }

    @Test("a text of a sign of life is looked for only where signs of life have it")
    func patternReach() throws {
        var connection = try connection(["url": "ws://h", "ignore": "welcome"])
        #expect(connection.read(String(repeating: "x", count: 1017) + "welcome") == .heartbeat)
        #expect(connection.read(String(repeating: "x", count: 1018) + "welcome") == .unrouted)
    }

    @Test("a message cut off anywhere never reaches a wrong stream")
    func truncation() throws {
        var connection = try connection(Self.gateway)
        let bytes = Array(#"{"ch":"trades.BTC-USD","data":{"s":"BTC-USD","p":1},"op":"data","error":null}"#.utf8)
        #expect(connection.read(bytes) == .packet(Topic("trade", "BTC-USD")))
        for length in 0..<bytes.count {
            let meaning = connection.read(Array(bytes[..<length]))
            #expect(meaning.isMalformed || meaning == .packet(Topic("trade", "BTC-USD")), "cut to \(length) bytes")
        }
    }
}
