import ColonyExchanges
import NIOCore
import Testing

@testable import Simulator

@Suite struct BinanceServerTests {
    @Test("a subscription is acknowledged with its id, and its data come in the combined form")
    func combined() throws {
        var bench = SessionBench("binance")
        _ = bench.open()
        let answer = bench.receive(#"{"method":"SUBSCRIBE","params":["btcusdt@trade","btcusdt@depth20@100ms"],"id":"x-1"}"#)
        #expect(answer.texts == [#"{"result":null,"id":"x-1"}"#])
        let packets = bench.apply(.push(count: 1)).packets
        #expect(packets.map(\.subscription.topic.description) == ["trade BTCUSDT", "book_snapshot BTCUSDT"])
        let trade = try JSONValue(parsing: packets[0].message.text)
        #expect(trade["stream"]?.string == "btcusdt@trade")
        #expect(trade["data"]?["s"]?.string == "BTCUSDT")
        #expect(trade["data"]?["t"]?.integer == 1)
        #expect(try JSONValue(parsing: packets[1].message.text)["data"]?["lastUpdateId"]?.integer == 2)
    }

    @Test("raw streams come without the envelope, and streams in the URL need no request")
    func raw() throws {
        var raw = SessionBench("binance", path: "/ws/btcusdt@bookTicker")
        #expect(raw.open().subscribed.map(\.key) == ["btcusdt@bookTicker"])
        let packets = raw.apply(.push(count: 1)).packets
        #expect(try JSONValue(parsing: packets[0].message.text)["u"]?.integer == 1)
        var combined = SessionBench("binance", query: [("streams", "btcusdt@trade/ethusdt@trade")])
        #expect(combined.open().subscribed.map(\.topic.symbol) == ["BTCUSDT", "ETHUSDT"])
    }

    @Test("what the address names is subscribed without a word, and unknown streams in it are passed over")
    func address() {
        var bench = SessionBench("binance", query: [("streams", "btcusdt@trade/nopeusdt@trade/ethusdt@depth@100ms/btcusdt@trade")])
        let actions = bench.open()
        #expect(actions.texts == [])
        #expect(actions.subscribed.map(\.key) == ["btcusdt@trade", "ethusdt@depth@100ms"])
        #expect(bench.apply(.push(count: 1)).packets.map(\.subscription.topic.description) == ["trade BTCUSDT", "book ETHUSDT"])
        // Asked for again by message, as after a silence.
        let again = bench.receive(#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#)
        #expect(again.texts == [#"{"result":null,"id":1}"#] && again.subscribed.isEmpty)
    }

    @Test("the address may name no more streams than messages")
    func tooManyInAddress() {
        var bench = SessionBench("binance", query: [("streams", "btcusdt@trade/ethusdt@trade")], rules: { $0.maxTopics = 1 })
        #expect(bench.open().closes.map(\.code) == [1008])
    }

    @Test("a stream of another category in the address stays silent")
    func categories() {
        var bench = SessionBench("binance_usdm", path: "/market/stream", query: [("streams", "btcusdt@aggTrade/btcusdt@bookTicker")])
        #expect(bench.open().subscribed.map(\.key) == ["btcusdt@aggTrade"])
    }

    @Test("an unknown stream is acknowledged and stays silent")
    func unknownStream() {
        var bench = SessionBench("binance")
        _ = bench.open()
        for stream in ["nopeusdt@trade", "btcusdt@nope", "BTCUSDT@trade", "btcusdt"] {
            let actions = bench.receive(#"{"method":"SUBSCRIBE","params":["\#(stream)"],"id":3}"#)
            #expect(actions.texts == [#"{"result":null,"id":3}"#])
            #expect(actions.subscribed.isEmpty)
            bench.pass(.seconds(1))
        }
    }

    @Test("what is not a request is answered with an error")
    func errors() {
        var bench = SessionBench("binance")
        _ = bench.open()
        #expect(bench.receive("{").texts.first?.hasPrefix(#"{"code":3,"#) == true)
        #expect(
            bench.receive(#"{"method":"SUBSRIBE","id":4}"#).texts.first?.contains(#""code":2,"msg":"Invalid request: unknown variant"#)
                == true)
    }

    @Test("order book updates link: each begins after the one before")
    func bookLinks() throws {
        var bench = SessionBench("binance")
        _ = bench.open()
        _ = bench.receive(#"{"method":"SUBSCRIBE","params":["btcusdt@depth","ethusdt@depth"],"id":1}"#)
        let books = try bench.apply(.push(count: 3)).packets.filter { $0.subscription.topic.symbol == "BTCUSDT" }
            .map { try JSONValue(parsing: $0.message.text)["data"] }
        #expect(books.map { $0?["U"]?.integer } == [1, 2, 4])
        #expect(books.map { $0?["u"]?.integer } == [1, 3, 5])
    }
}
