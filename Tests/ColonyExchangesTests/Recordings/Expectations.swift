import ColonyExchanges
import Foundation

/// What a recorded message should mean, worked out with Foundation's JSON reader and none of the code under test.
struct Expectations {
    enum Expected {
        case data(Topic)
        case unrouted
        case reply(String)
        case accepted([Topic])
        case rejected
        case heartbeat
        case notice

        func fits(_ meaning: Connection.Meaning) -> Bool {
            switch (self, meaning) {
            case (.data(let topic), .packet(let read)): topic == read
            case (.unrouted, .unrouted), (.heartbeat, .heartbeat), (.notice, .notice): true
            case (.reply(let text), .reply(let message)): message == .text(text)
            case (.accepted(let topics), .ack(let ack)): ack.outcome == .accepted && (topics.isEmpty || ack.topics == topics)
            case (.rejected, .ack(let ack)): ack.outcome != .accepted
            default: false
            }
        }
    }

    let id: String
    /// What an exchange's own ids of a connection mean, learned from its answers.
    var learned: [String: Topic] = [:]

    init(_ id: String) { self.id = id }

    mutating func sent(_ text: String) {}

    mutating func meaning(of text: String) -> Expected {
        guard let value = try? JSONSerialization.jsonObject(with: Data(text.utf8), options: [.fragmentsAllowed]) else {
            return text == "pong" ? .heartbeat : .notice
        }
        if let object = value as? [String: Any] {
            return switch id {
            case "binance", "binance_usdm", "binance_coinm": Self.binance(object, isFutures: id != "binance")
            case "huobi", "huobi_swap": Self.huobi(object)
            case "kraken": Self.kraken(object)
            case "kraken_futures": Self.krakenFutures(object)
            default: .unrouted
            }
        }
        guard let array = value as? [Any] else { return .unrouted }
        return switch id {
        case "kraken": Self.kraken(array)
        default: .unrouted
        }
    }

    private static func binance(_ object: [String: Any], isFutures: Bool) -> Expected {
        guard let stream = object["stream"] as? String else { return .unrouted }
        var parts = stream.components(separatedBy: "@")
        guard parts.count > 1 || stream.hasPrefix("!") else { return .unrouted }
        var symbol = parts.removeFirst().uppercased()
        if stream.hasPrefix("!") {
            parts = [String(stream.dropFirst()).components(separatedBy: "@")[0]]
            symbol = "_all"
        }
        let name = parts.joined(separator: "@")
        let words = [
            "trade": "trade", "aggTrade": isFutures ? "trade" : "aggtrade", "ticker": "ticker", "bookTicker": "bbo", "depth@100ms": "book",
            "depth": "book.1000ms", "depth20": "book_snapshot.20.1000ms", "depth5": "book_snapshot.5.1000ms", "kline_1m": "candle.1m",
            "kline_1M": "candle.1mon", "markPrice": "markprice", "TRADE_ALL": "trade_all", "TICKER_ALL": "ticker_all",
        ]
        return words[name].map { .data(Topic($0, symbol)) } ?? .unrouted
    }

    private static func huobi(_ object: [String: Any]) -> Expected {
        if let channel = object["ch"] as? String { return .data(huobiTopic(channel)) }
        if let ping = object["ping"] as? Int { return .reply("{\"pong\":\(ping)}") }
        if let channel = object["subbed"] as? String { return .accepted([huobiTopic(channel)]) }
        return .unrouted
    }

    private static func huobiTopic(_ channel: String) -> Topic {
        let parts = channel.components(separatedBy: ".")
        let words = [
            "depth.step0": "book_snapshot", "trade.detail": "trade", "detail": "ticker", "kline.1min": "candle.1m", "bbo": "bbo",
        ]
        return Topic(words[parts[2...].joined(separator: ".")] ?? "?", parts[1])
    }

    private static func kraken(_ object: [String: Any]) -> Expected {
        switch object["event"] as? String {
        case "heartbeat", "pong", "systemStatus": return .heartbeat
        case "subscriptionStatus":
            guard let pair = object["pair"] as? String, let name = object["channelName"] as? String else { return .rejected }
            return .accepted([Topic(krakenWord(name), pair)])
        default: return .unrouted
        }
    }

    private static func kraken(_ array: [Any]) -> Expected {
        guard array.count >= 4, let pair = array[array.count - 1] as? String, let name = array[array.count - 2] as? String else {
            return .unrouted
        }
        return .data(Topic(krakenWord(name), pair))
    }

    private static func krakenWord(_ name: String) -> String {
        ["book-10": "book", "book-100": "book.100", "book-1000": "book.1000", "spread": "bbo", "ohlc-5": "candle.5m"][name] ?? name
    }

    private static func krakenFutures(_ object: [String: Any]) -> Expected {
        switch object["event"] as? String {
        case "info": return .heartbeat
        case "subscribed":
            return .accepted((object["product_ids"] as? [String] ?? []).map { Topic(object["feed"] as? String ?? "", $0) })
        default: break
        }
        let words = ["book_snapshot": "book", "trade_snapshot": "trade"]
        guard let feed = object["feed"] as? String, let product = object["product_id"] as? String else { return .unrouted }
        return .data(Topic(words[feed] ?? feed, product))
    }
}
