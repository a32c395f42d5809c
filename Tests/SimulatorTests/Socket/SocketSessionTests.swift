import NIOCore
import Testing

@testable import Simulator

@Suite struct SocketSessionTests {
    private let trade = #"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#

    @Test("Binance pings every 20 s and cuts a client that owes a pong for 60 s")
    func binancePongOwed() {
        var bench = SessionBench("binance")
        _ = bench.open()
        let early = bench.run(.milliseconds(79_999))
        #expect(early.pings.count == 3)
        #expect(early.closes.isEmpty)
        #expect(bench.run(.milliseconds(2)).closes == [Close(code: 1008, reason: "pong timeout")])
    }

    @Test("Binance keeps a client that answers with the same payload, and only that")
    func binancePongAnswered() {
        var bench = SessionBench("binance")
        _ = bench.open()
        for _ in 0..<10 {
            let pings = bench.run(.seconds(20)).pings
            #expect(pings.count == 1)
            _ = bench.session.receivedPong(Array((pings.first ?? "").utf8), bench.moment)
        }
        _ = bench.session.receivedPong(Array("other".utf8), bench.moment)
        #expect(bench.run(.seconds(85)).closes.count == 1)
    }

    @Test("Binance cuts a client that sends more than five messages in a second, pongs included")
    func binanceRate() {
        var bench = SessionBench("binance")
        _ = bench.open()
        for _ in 0..<4 { #expect(bench.receive(trade).closes.isEmpty) }
        #expect(bench.session.receivedPong([], bench.moment).closes.isEmpty)
        #expect(bench.receive(trade).closes.map(\.code) == [1008])
    }

    @Test("five messages a second go on for ever")
    func binanceRateKept() {
        var bench = SessionBench("binance")
        _ = bench.open()
        for _ in 0..<50 {
            #expect(bench.receive(trade).closes.isEmpty)
            bench.pass(.milliseconds(201))
        }
    }

    @Test("Binance cuts a connection after 24 hours")
    func age() {
        var bench = SessionBench("binance") { $0.heartbeat = nil }
        _ = bench.open()
        #expect(bench.run(.hours(24) - .seconds(1)).closes.isEmpty)
        #expect(bench.run(.seconds(2)).closes.map(\.code) == [1001])
    }

    @Test("a client that wants more topics than allowed is cut and gets none of them")
    func topics() {
        var bench = SessionBench("binance") { $0.maxTopics = 2 }
        _ = bench.open()
        #expect(bench.receive(#"{"method":"SUBSCRIBE","params":["btcusdt@trade","btcusdt@depth"],"id":1}"#).closes.isEmpty)
        #expect(bench.receive(trade).closes.isEmpty)
        let actions = bench.receive(#"{"method":"SUBSCRIBE","params":["ethusdt@trade"],"id":2}"#)
        #expect(actions.closes.count == 1)
        #expect(actions.subscribed.isEmpty)
    }

    @Test("Huobi cuts a client before the third unanswered ping")
    func huobiUnanswered() {
        var bench = SessionBench("huobi")
        _ = bench.open()
        #expect(bench.run(.milliseconds(14_999)).texts.count == 2)
        let actions = bench.run(.milliseconds(2))
        #expect(actions.texts.isEmpty)
        #expect(actions.closes.count == 1)
    }

    @Test("Huobi keeps a client that answers, even if only the newest ping")
    func huobiAnswered() {
        var bench = SessionBench("huobi")
        _ = bench.open()
        for _ in 0..<6 {
            let pings = bench.run(.seconds(10)).texts
            #expect(pings.count == 2)
            _ = bench.receive((pings.last ?? "").replacing("ping", with: "pong"))
        }
    }

    @Test("Kraken sends its heartbeat only after a subscription and only when nothing else is said")
    func krakenHeartbeat() {
        var bench = SessionBench("kraken")
        #expect(bench.open().texts.first?.contains(#""channel":"status""#) == true)
        #expect(bench.run(.seconds(5)).texts.isEmpty)
        _ = bench.receive(#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}"#)
        #expect(bench.run(.milliseconds(999)).texts.isEmpty)
        #expect(bench.apply(.push(count: 1)).packets.count == 1)
        #expect(bench.run(.milliseconds(999)).texts.isEmpty)
        #expect(bench.run(.milliseconds(3001)).texts == Array(repeating: #"{"channel":"heartbeat"}"#, count: 4))
    }

    @Test("Kraken cuts a client that says nothing for a minute")
    func krakenSilence() {
        var bench = SessionBench("kraken")
        _ = bench.open()
        #expect(bench.run(.seconds(59)).closes.isEmpty)
        _ = bench.receive(#"{"method":"ping"}"#)
        #expect(bench.run(.seconds(59)).closes.isEmpty)
        #expect(bench.run(.seconds(2)).closes.count == 1)
    }

    @Test("data come for what is subscribed, at the rate asked for, each with a number of its own")
    func rate() {
        var bench = SessionBench("binance", rate: 10) { $0.heartbeat = nil }
        _ = bench.open()
        #expect(bench.run(.seconds(1)).packets.isEmpty)
        _ = bench.receive(#"{"method":"SUBSCRIBE","params":["btcusdt@trade","ethusdt@trade"],"id":1}"#)
        let packets = bench.run(.seconds(10)).packets
        // The first comes at once, the last at the very end.
        #expect((200...201).contains(packets.count))
        #expect(packets.map(\.number) == Array(1...UInt64(packets.count)))
        #expect(packets.filter { $0.subscription.key == "btcusdt@trade" }.count == 100, "each in turn")
        _ = bench.receive(#"{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":2}"#)
        #expect(Set(bench.run(.seconds(1)).packets.map(\.subscription.key)) == ["ethusdt@trade"])
    }

    @Test("a peer that takes nothing is sent nothing, and afterwards not what it missed")
    func backPressure() {
        var bench = SessionBench("binance", rate: 100) { $0.heartbeat = nil }
        _ = bench.open()
        _ = bench.receive(trade)
        #expect(bench.run(.seconds(5), canSend: false).packets.isEmpty)
        #expect((98...100).contains(bench.run(.seconds(1)).packets.count))
    }

    @Test("a mute exchange says nothing, but data and heartbeats come back when it is healed")
    func mute() {
        var bench = SessionBench("kraken", rate: 10)
        _ = bench.open()
        _ = bench.receive(#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}"#)
        _ = bench.apply(.mute)
        let silent = bench.run(.seconds(10)) + bench.receive(#"{"method":"ping"}"#)
        #expect(silent.texts.isEmpty)
        #expect(silent.packets.isEmpty)
        _ = bench.apply(.heal)
        #expect(bench.run(.seconds(1)).packets.count >= 9)
    }

    @Test("without data, requests are acknowledged and nothing follows")
    func withoutData() {
        var faults = StandingFaults()
        faults.apply(.withoutData)
        var bench = SessionBench("binance", rate: 10, faults: faults) { $0.heartbeat = nil }
        _ = bench.open()
        #expect(bench.receive(trade).texts == [#"{"result":null,"id":1}"#])
        #expect(bench.run(.seconds(10)).packets.isEmpty)
    }

    @Test("a half-open socket is frozen and asks for no wake-up")
    func halfOpen() {
        var bench = SessionBench("binance", rate: 10)
        _ = bench.open()
        _ = bench.receive(trade)
        #expect(bench.apply(.halfOpen) == [.freeze])
        #expect(bench.session.wakeUp == nil)
        #expect(bench.receive(trade).isEmpty)
        #expect(bench.apply(.heal) == [.thaw])
        #expect(!bench.run(.seconds(1)).packets.isEmpty)
    }

    @Test("a hole spends numbers that are not sent, a duplicate sends one number twice")
    func holesAndDuplicates() {
        var bench = SessionBench("binance")
        _ = bench.open()
        _ = bench.receive(trade)
        _ = bench.apply(.hole(count: 2))
        _ = bench.apply(.duplicate(count: 1))
        let actions = bench.apply(.push(count: 4))
        #expect(actions.packets.map(\.number) == [3, 4])
        #expect(actions.packets.map(\.copies) == [2, 1])
        #expect(actions.filter { if case .withhold = $0 { true } else { false } }.count == 2)
    }

    @Test("a flapping exchange cuts every socket at that age")
    func flap() {
        var bench = SessionBench("binance")
        _ = bench.open()
        _ = bench.apply(.flap(every: .seconds(3)))
        #expect(bench.run(.milliseconds(2999)).closes.isEmpty)
        #expect(bench.run(.milliseconds(2)).closes.count == 1)
        #expect(bench.session.wakeUp == nil)
    }
}
