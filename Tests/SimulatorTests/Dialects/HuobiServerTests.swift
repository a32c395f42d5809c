import ColonyExchanges
import Testing

@testable import Simulator

@Suite struct HuobiServerTests {
    @Test("a topic is acknowledged with id and name, and its data carry it in ch")
    func subscribe() throws {
        var bench = SessionBench("huobi")
        _ = bench.open()
        let ack = try JSONValue(parsing: bench.receive(#"{"sub":"market.btcusdt.trade.detail","id":"t1"}"#).texts[0])
        #expect(ack["id"]?.string == "t1")
        #expect(ack["status"]?.string == "ok")
        #expect(ack["subbed"]?.string == "market.btcusdt.trade.detail")
        let packet = bench.apply(.push(count: 1)).packets[0]
        #expect(packet.subscription.topic.description == "trade btcusdt")
        let data = try JSONValue(parsing: packet.message.text)
        #expect(data["ch"]?.string == "market.btcusdt.trade.detail")
        #expect(data["tick"]?["data"]?.array?.first?["tradeId"]?.integer == 1)
    }

    @Test(
        "an unknown symbol or topic is refused with the exchange's words",
        arguments: [
            (#"{"sub":"market.nope.trade.detail","id":"a"}"#, "invalid symbol"),
            (#"{"sub":"market.btcusdt.nope","id":"a"}"#, "invalid topic"),
            (#"{"unsub":"market.btcusdt.trade.detail","id":"a"}"#, "unsub with not subbed topic"), ("hello", "not json string"),
        ])
    func refused(request: String, words: String) throws {
        var bench = SessionBench("huobi")
        _ = bench.open()
        let answer = try JSONValue(parsing: bench.receive(request).texts[0])
        #expect(answer["status"]?.string == "error")
        #expect(answer["err-msg"]?.string?.hasPrefix(words) == true)
    }

    @Test("an unsubscription is acknowledged and ends the data")
    func unsubscribe() {
        var bench = SessionBench("huobi")
        _ = bench.open()
        _ = bench.receive(#"{"sub":"market.btcusdt.kline.1min","id":"k"}"#)
        #expect(bench.apply(.push(count: 1)).packets.map(\.subscription.topic.channel) == ["candle.1m"])
        #expect(
            bench.receive(#"{"unsub":"market.btcusdt.kline.1min","id":"u"}"#).texts[0].contains(#""unsubbed":"market.btcusdt.kline.1min""#))
        #expect(bench.apply(.push(count: 1)).packets.isEmpty)
    }
}
