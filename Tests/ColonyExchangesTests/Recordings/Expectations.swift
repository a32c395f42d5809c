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
            case "bybit_swap", "bybit_uswap": Self.bybit(object)
            case "okx", "bitget": Self.arguments(object, isOKX: id == "okx")
            case "bitmex": Self.bitMEX(object)
            case "bitfinex": bitfinex(object)
            case "coinbase": Self.coinbase(object)
            case "deribit": Self.deribit(object)
            case "bitflyer": Self.bitFlyer(object)
            default: .unrouted
            }
        }
        guard let array = value as? [Any] else { return .unrouted }
        return switch id {
        case "kraken": Self.kraken(array)
        case "bitfinex": bitfinex(array)
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

extension Expectations {
    fileprivate static func bybit(_ object: [String: Any]) -> Expected {
        func topic(_ name: String) -> Topic {
            let parts = name.components(separatedBy: ".")
            let words = [
                "trade": "trade", "publicTrade": "trade", "tickers": "ticker", "orderBookL2_25": "book.25", "orderbook.1": "bbo",
                "orderbook.50": "book",
            ]
            return Topic(words[parts.dropLast().joined(separator: ".")] ?? "?", parts[parts.count - 1])
        }
        if let name = object["topic"] as? String { return .data(topic(name)) }
        let request = object["request"] as? [String: Any]
        return .accepted((request?["args"] as? [String] ?? []).map(topic))
    }

    fileprivate static func arguments(_ object: [String: Any], isOKX: Bool) -> Expected {
        guard let argument = object["arg"] as? [String: Any], let channel = argument["channel"] as? String,
            let symbol = argument["instId"] as? String
        else { return .unrouted }
        let okx = ["trades": "trade", "tickers": "ticker", "books": "book", "books-l2-tbt": "book.l2-tbt"]
        let bitget = ["trade": "trade", "ticker": "ticker", "books": "book", "candle1m": "candle.1m"]
        let topic = Topic((isOKX ? okx : bitget)[channel] ?? "?", symbol)
        return object["event"] == nil ? .data(topic) : .accepted([topic])
    }

    fileprivate static func bitMEX(_ object: [String: Any]) -> Expected {
        let words = ["trade": "trade", "quote": "bbo", "orderBookL2": "book.full"]
        if let name = object["subscribe"] as? String {
            let parts = name.components(separatedBy: ":")
            return .accepted([Topic(words[parts[0]] ?? "?", parts[1])])
        }
        guard let table = object["table"] as? String, let rows = object["data"] as? [[String: Any]] else { return .heartbeat }
        var symbols = Set(rows.compactMap { $0["symbol"] as? String })
        if symbols.isEmpty, let symbol = (object["filter"] as? [String: Any])?["symbol"] as? String { symbols = [symbol] }
        return .data(Topic(words[table] ?? "?", symbols.count == 1 ? symbols.first ?? "" : "_all"))
    }

    fileprivate mutating func bitfinex(_ object: [String: Any]) -> Expected {
        guard object["event"] as? String == "subscribed", let number = object["chanId"] as? Int, let symbol = object["symbol"] as? String
        else { return .heartbeat }
        var word = ["trades": "trade", "ticker": "ticker"][object["channel"] as? String ?? ""] ?? "book"
        if word == "book", let length = object["len"] as? String, length != "25" { word += ".\(length)" }
        learned["\(number)"] = Topic(word, symbol)
        return .accepted([Topic(word, symbol)])
    }

    fileprivate func bitfinex(_ array: [Any]) -> Expected {
        if array.count > 1, array[1] as? String == "hb" { return .heartbeat }
        guard let number = array.first as? Int, let topic = learned["\(number)"] else { return .unrouted }
        return .data(topic)
    }

    fileprivate static func coinbase(_ object: [String: Any]) -> Expected {
        let words = ["match": "trade", "last_match": "trade", "l2update": "book", "snapshot": "book", "ticker": "ticker"]
        if let word = words[object["type"] as? String ?? ""], let product = object["product_id"] as? String {
            return .data(Topic(word, product))
        }
        let names = ["matches": "trade", "level2": "book", "ticker": "ticker"]
        let channels = object["channels"] as? [[String: Any]] ?? []
        return .accepted(
            channels.flatMap { channel in
                (channel["product_ids"] as? [String] ?? []).map { Topic(names[channel["name"] as? String ?? ""] ?? "?", $0) }
            })
    }

    fileprivate static func deribit(_ object: [String: Any]) -> Expected {
        func topic(_ name: String) -> Topic {
            let parts = name.components(separatedBy: ".")
            return Topic((parts[0] == "trades" ? "trade" : parts[0]) + "." + parts[2], parts[1])
        }
        if let channel = (object["params"] as? [String: Any])?["channel"] as? String { return .data(topic(channel)) }
        return .accepted((object["result"] as? [String] ?? []).map(topic))
    }

    fileprivate static func bitFlyer(_ object: [String: Any]) -> Expected {
        guard let channel = (object["params"] as? [String: Any])?["channel"] as? String else { return .unrouted }
        let parts = channel.components(separatedBy: "_")
        let isSnapshot = parts[1] == "board" && parts[2] == "snapshot"
        let word = isSnapshot ? "book_snapshot" : ["executions": "trade", "board": "book", "ticker": "ticker"][parts[1]] ?? "?"
        return .data(Topic(word, parts[(isSnapshot ? 3 : 2)...].joined(separator: "_")))
    }
}
