import ColonyExchanges
import Foundation
import Testing

/// Recordings of the exchanges whose messages are JSON objects, against what Foundation's reader finds in the same object.
@Suite("Recorded traffic of object protocols", .enabled(if: Recording.isPresent, "the folder ../shared/recordings is absent"))
struct RecordedPushTests {
    private typealias Object = [String: Any]

    /// What the tests below read.
    static let files: Set<String> = [
        "bitmax/cryptofeed-2021-04-17-BITMAX.ws.15.jsonl", "bitstamp/cryptofeed-2022-01-04-BITSTAMP.ws.1.jsonl",
        "ftx/cryptofeed-2021-07-22-FTX.ws.1.jsonl", "gate/cryptofeed-2021-04-17-GATEIO.ws.64.jsonl",
        "gate_swap/cryptofeed-2023-05-26-GATEIO_FUTURES.ws.1.jsonl", "gate/gocryptotrader-gateio-samples.jsonl",
        "kucoin/cryptofeed-2021-04-22-KUCOIN.ws.1.jsonl", "kucoin/gocryptotrader-kucoin-samples.jsonl",
        "upbit/cryptofeed-2021-04-17-UPBIT.ws.62.jsonl",
    ]

    @Test("BitMax", .timeLimit(.minutes(1)))
    func bitmax() throws {
        try check(Recording("bitmax/cryptofeed-2021-04-17-BITMAX.ws.15.jsonl", "bitmax"), packets: 290) { object in
            let words = ["depth": "book", "trades": "trade", "depth-snapshot": "book_snapshot"]
            switch object["m"] as? String {
            case "connected": return .heartbeat
            case "ping": return .reply(#"{"op":"pong"}"#)
            case "sub":
                let parts = (object["ch"] as? String ?? "").components(separatedBy: ":")
                return .accepted([Topic(words[parts[0]] ?? "?", parts[1])])
            case let kind: return .data(Topic(words[kind ?? ""] ?? "?", object["symbol"] as? String ?? "?"))
            }
        }
    }

    @Test("Bitstamp", .timeLimit(.minutes(1)))
    func bitstamp() throws {
        try check(Recording("bitstamp/cryptofeed-2022-01-04-BITSTAMP.ws.1.jsonl", "bitstamp"), packets: 727) { object in
            let channel = object["channel"] as? String ?? ""
            let isTrade = channel.hasPrefix("live_trades_")
            let prefix = isTrade ? "live_trades_" : "diff_order_book_"
            let topic = Topic(isTrade ? "trade" : "book", channel.replacingOccurrences(of: prefix, with: ""))
            switch object["event"] as? String {
            case "bts:subscription_succeeded": return .accepted([topic])
            case isTrade ? "trade" : "data": return .data(topic)
            default: return .unrouted
            }
        }
    }

    @Test("FTX", .timeLimit(.minutes(1)))
    func ftx() throws {
        try check(Recording("ftx/cryptofeed-2021-07-22-FTX.ws.1.jsonl", "ftx_swap"), packets: 1965) { object in
            let words = ["orderbook": "book", "trades": "trade", "ticker": "ticker"]
            let topic = Topic(words[object["channel"] as? String ?? ""] ?? "?", object["market"] as? String ?? "?")
            return object["type"] as? String == "subscribed" ? .accepted([topic]) : .data(topic)
        }
    }

    @Test("Gate spot of 2021, which spoke the protocol of 2020", .timeLimit(.minutes(1)))
    func gate() throws {
        try check(Recording("gate/cryptofeed-2021-04-17-GATEIO.ws.64.jsonl", "gate"), packets: 172) { object in
            guard let method = object["method"] as? String, let parameters = object["params"] as? [Any] else { return .accepted([]) }
            let symbol = parameters.compactMap { $0 as? String }.first ?? "?"
            return .data(Topic(method == "trades.update" ? "trade" : "book", symbol))
        }
    }

    @Test(
        "Gate futures", .timeLimit(.minutes(1)),
        arguments: [
            ("gate_swap/cryptofeed-2023-05-26-GATEIO_FUTURES.ws.1.jsonl", 428), ("gate/gocryptotrader-gateio-samples.jsonl", 14),
        ])
    func gateFutures(path: String, packets: Int) throws {
        try check(Recording(path, "gate_swap"), packets: packets) { object in
            let channel = object["channel"] as? String ?? ""
            if channel == "futures.pong" { return .heartbeat }
            if object["event"] as? String == "subscribe" { return .accepted([]) }
            let result = (object["result"] as? [Object])?.first ?? object["result"] as? Object ?? [:]
            let words = [
                "futures.trades": "trade", "futures.tickers": "ticker", "futures.book_ticker": "bbo", "futures.order_book_update": "book",
                "futures.order_book": "book_snapshot",
            ]
            if channel == "futures.candlesticks" {
                let name = result["n"] as? String ?? ""
                let symbol = name.components(separatedBy: "_").dropFirst().joined(separator: "_")
                return .data(Topic("candle.\(name.components(separatedBy: "_")[0])", symbol))
            }
            if channel == "futures.obu" {
                let parts = (result["s"] as? String ?? "").components(separatedBy: ".")
                return .data(Topic("obu.\(parts[2])", parts[1]))
            }
            guard let symbol = (result["contract"] ?? result["s"]) as? String else { return .unrouted }
            return .data(Topic(words[channel] ?? channel, symbol))
        }
    }

    @Test("KuCoin spot", .timeLimit(.minutes(1)))
    func kucoin() throws {
        try check(Recording("kucoin/cryptofeed-2021-04-22-KUCOIN.ws.1.jsonl", "kucoin"), packets: 800) { object in
            switch object["type"] as? String {
            case "welcome": return .heartbeat
            case "ack": return .accepted([])
            default:
                let parts = (object["topic"] as? String ?? "").components(separatedBy: ":")
                return .data(Topic(parts[0] == "/market/match" ? "trade" : "ticker", parts[1]))
            }
        }
    }

    @Test("KuCoin's documented messages, spot and futures", .timeLimit(.minutes(1)), arguments: ["kucoin", "kucoin_futures"])
    func kucoinSamples(id: String) throws {
        try check(Recording("kucoin/gocryptotrader-kucoin-samples.jsonl", id), packets: 43) { object in
            let name = object["topic"] as? String ?? ""
            let parts = name.components(separatedBy: ":")
            if parts.count < 2 || parts[1] == "all" {
                return .data(Topic(parts[0] == "/market/ticker" && id == "kucoin" ? "ticker" : Self.own(parts[0]), "_all"))
            }
            let spot = [
                "/market/match": "trade", "/market/ticker": "ticker", "/market/level2": "book",
                "/spotMarket/level2Depth5": "book_snapshot", "/spotMarket/level2Depth50": "book_snapshot.50",
            ]
            let futures = [
                "/contractMarket/execution": "trade", "/contractMarket/tickerV2": "ticker", "/contractMarket/level2": "book",
                "/contractMarket/level2Depth5": "book_snapshot", "/contractMarket/level2Depth50": "book_snapshot.50",
            ]
            if parts[0] == "/market/candles" {
                // The only one has an interval of an hour.
                return .data(Topic(id == "kucoin" ? "candle.1h" : "market-candles-1hour", "BTC-USDT"))
            }
            return .data(Topic((id == "kucoin" ? spot : futures)[parts[0]] ?? Self.own(parts[0]), parts[1]))
        }
    }

    private static func own(_ name: String) -> String {
        String(name.dropFirst()).lowercased().replacingOccurrences(of: "/", with: "-")
    }

    @Test("Upbit's binary frames in the short format", .timeLimit(.minutes(1)))
    func upbit() throws {
        try check(Recording("upbit/cryptofeed-2021-04-17-UPBIT.ws.62.jsonl", "upbit"), packets: 449) { object in
            .data(Topic(object["ty"] as? String == "trade" ? "trade" : "book_snapshot", object["cd"] as? String ?? "?"))
        }
    }

    private func check(_ recording: Recording, packets expectedPackets: Int, _ expect: (Object) throws -> Expectations.Expected) throws {
        var connection = try Connection(recording.id)
        var packets = 0
        var mistakes = 0
        for line in try recording.lines() where line.isReceived {
            let meaning = connection.read(line.bytes)
            let expected = try expect(try #require(try json(line.text) as? Object))
            if case .packet = meaning { packets += 1 }
            guard meaning.isMalformed || !expected.fits(meaning) else { continue }
            mistakes += 1
            if mistakes <= 5 { Issue.record("expected \(expected), read \(meaning): \(line.text.prefix(300))") }
        }
        #expect(mistakes == 0)
        #expect(packets == expectedPackets)
    }
}
