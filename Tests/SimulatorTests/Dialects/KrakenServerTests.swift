import ColonyExchanges
import Testing

@testable import Simulator

@Suite struct KrakenServerTests {
    @Test("there is one acknowledgement per symbol, and the unknown one is refused in words")
    func acknowledgements() throws {
        var bench = SessionBench("kraken")
        _ = bench.open()
        let actions = bench.receive(
            #"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD","BTC/XXX","ETH/USD"],"snapshot":false},"req_id":1}"#)
        let acks = try actions.texts.map { try JSONValue(parsing: $0) }
        #expect(acks.map { $0["success"]?.bool } == [true, false, true])
        #expect(acks.map { $0["req_id"]?.integer } == [1, 1, 1])
        #expect(acks[0]["result"]?["symbol"]?.string == "BTC/USD")
        #expect(acks[0]["result"]?["snapshot"]?.bool == false)
        #expect(acks[1]["error"]?.string == "Currency pair not supported BTC/XXX")
        #expect(actions.subscribed.map(\.topic.description) == ["trade BTC/USD", "trade ETH/USD"])
    }

    @Test("a book begins with a snapshot and goes on with updates")
    func book() throws {
        var bench = SessionBench("kraken")
        _ = bench.open()
        _ = bench.receive(#"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10}}"#)
        let kinds = try bench.apply(.push(count: 3)).packets.map { try JSONValue(parsing: $0.message.text)["type"]?.string }
        #expect(kinds == ["snapshot", "update", "update"])
    }

    @Test("a ping is answered with a pong of the same id")
    func ping() throws {
        var bench = SessionBench("kraken")
        _ = bench.open()
        let pong = try JSONValue(parsing: bench.receive(#"{"method":"ping","req_id":101}"#).texts[0])
        #expect(pong["method"]?.string == "pong")
        #expect(pong["req_id"]?.integer == 101)
    }
}
