/// KuCoin spot and futures: a REST call yields token and address; then `type`, `topic` and `subject`, symbols joined by commas in a topic.
struct KuCoinDialect: TableDialect {
    var profile: ExchangeProfile
    let offer: ChannelOffer
    let symbols: SymbolStyle

    static let dialects: [any Dialect] = [
        KuCoinDialect(
            profile: profile(
                "kucoin", "KuCoin", .spot, "https://api.kucoin.com/api/v1/bullet-public", example: "BTC-USDT"),
            offer: ChannelOffer([
                "trade": "/market/match", "ticker": "/market/ticker", "book": "/market/level2",
                "book_snapshot": "/spotMarket/level2Depth5", "book_snapshot.50": "/spotMarket/level2Depth50",
                "market-snapshot": "/market/snapshot", "indicator-index": "/indicator/index", "indicator-markprice": "/indicator/markPrice",
            ]).adding(candles: "/market/candles", intervals).answering(["book_snapshot.5": "book_snapshot", "bbo": "ticker"])
                .wholeExchange([], optional: ["ticker"]),
            symbols: SymbolStyle(.upper, separator: "-")),
        KuCoinDialect(
            profile: profile(
                "kucoin_futures", "KuCoin Futures", .futures, "https://api-futures.kucoin.com/api/v1/bullet-public", example: "XBTUSDTM"),
            offer: ChannelOffer([
                "trade": "/contractMarket/execution", "ticker": "/contractMarket/tickerV2", "book": "/contractMarket/level2",
                "book_snapshot": "/contractMarket/level2Depth5", "book_snapshot.50": "/contractMarket/level2Depth50",
                "contract-instrument": "/contract/instrument", "contractmarket-snapshot": "/contractMarket/snapshot",
            ]).adding(candles: "/contractMarket/limitCandle", intervals).answering(["book_snapshot.5": "book_snapshot", "bbo": "ticker"]),
            symbols: SymbolStyle(.upper, separator: "")),
    ]

    private static let intervals: KeyValuePairs = [
        "1m": "1min", "3m": "3min", "5m": "5min", "15m": "15min", "30m": "30min", "1h": "1hour", "2h": "2hour", "4h": "4hour",
        "6h": "6hour", "8h": "8hour", "12h": "12hour", "1d": "1day", "1w": "1week",
    ]

    private static func profile(
        _ id: String, _ name: String, _ market: ExchangeProfile.Market, _ url: String, example: String
    ) -> ExchangeProfile {
        ExchangeProfile(
            id: id, name: name, market: market, family: "kucoin", url: url,
            // The answer of the REST call names the interval; 18 s with 10 s to answer is what the documents show.
            heartbeat: .init(initiator: .client, interval: .seconds(18), replyWithin: .seconds(10), silence: .seconds(28)),
            limits: .init(
                topicsPerMessage: 100, maxTopics: 300, messages: 100, messageWindow: .seconds(10), connects: 30,
                connectWindow: .seconds(60),
                // A token lives 24 hours.
                maxAge: .seconds(86_400)),
            subscribesAfterGreeting: true, exampleSymbol: example)
    }

    /// A token belongs to one connection, so each connection begins with the REST call. A websocket address in the profile (a
    /// simulator, a gateway) is taken as it is.
    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan {
        if profile.url.hasPrefix("ws") { return .url(profile.url) }
        let exchange = profile.id
        let connectID = String(random, radix: 16)
        return .bootstrap(
            BootstrapCall(method: "POST", url: profile.url) { (body) throws(DialectError) in
                try KuCoinBootstrap.read(body, exchange: exchange, connectID: connectID)
            })
    }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        requests("subscribe", topics, firstID)
    }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        requests("unsubscribe", topics, firstID)
    }

    private func requests(_ type: String, _ topics: [Topic], _ firstID: Int) -> [Request] {
        var requests: [Request] = []
        for (word, group) in groupedByChannel(topics) {
            let native = offer.native(word).split(separator: " ")
            // A candle's interval stands behind the symbol, and a list of symbols is documented only without one. `all` stands alone.
            let (whole, named) = (group.filter { $0.symbol == Topic.allSymbols }, group.filter { $0.symbol != Topic.allSymbols })
            let batches = named.batches(of: native.count > 1 ? 1 : profile.limits.topicsPerMessage) + whole.map { [$0] }
            for batch in batches {
                let id = String(firstID + requests.count)
                let list = batch.map { $0.symbol == Topic.allSymbols ? "all" : $0.symbol }.joined(separator: ",")
                let topic = MessageText.quoted("\(native[0]):\(list)\(native.count > 1 ? "_\(native[1])" : "")")
                let text = #"{"id":"\#(id)","type":"\#(type)","topic":\#(topic),"privateChannel":false,"response":true}"#
                requests.append(Request(id: id, topics: batch, message: .text(text)))
            }
        }
        return requests
    }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        case .documented: .text(#"{"id":"\#(context.milliseconds)","type":"ping"}"#)
        }
    }

    func makeReader() -> any DialectReader { KuCoinReader(offer: offer) }
}

/// The answer of `POST /api/v1/bullet-public`: `{"code":"200000","data":{"token":...,"instanceServers":[{"endpoint":...}]}}`.
enum KuCoinBootstrap {
    private static let answer = FieldScanner(
        ["data", "token"], ["data", "instanceServers", .index(0), "endpoint"], ["data", "instanceServers", .index(0), "pingInterval"],
        ["code"])

    static func read(_ body: [UInt8], exchange: String, connectID: String) throws(DialectError) -> BootstrapResult {
        let (result, complaint) = body.withUnsafeBytes { bytes in
            let scan = answer.scan(bytes)
            guard scan.problem == nil, let token = scan.string(0), let endpoint = scan.string(1), !token.range.isEmpty else {
                return (
                    nil as BootstrapResult?, scan.complaint ?? "no data.token and data.instanceServers[0].endpoint in '\(bytes.excerpt)'"
                )
            }
            let address = bytes.text(endpoint)
            guard address.hasPrefix("ws") else { return (nil, "'\(address)' is no websocket address") }
            let url = "\(address)\(address.contains("?") ? "&" : "?")token=\(bytes.text(token))&connectId=\(connectID)"
            let interval = scan[2].flatMap { bytes.integer(in: $0.range) }.flatMap { (1_000...600_000).contains($0) ? $0 : nil }
            return (BootstrapResult(url: url, pingInterval: interval.map { .milliseconds($0) }), "")
        }
        if let result { return result }
        throw DialectError(.badBootstrap, "\(exchange): the token call's answer cannot be used: \(complaint)")
    }
}

struct KuCoinReader: DialectReader {
    let offer: ChannelOffer

    private enum Tag {
        static let topic: UInt8 = 0
        /// The topic names no symbol, or all of them.
        static let whole: UInt8 = 1
    }

    private static let envelope = FieldScanner(["topic"], ["type"])
    private static let answer = FieldScanner(["id"], ["code"], ["data"])
    private static let notice = FieldScanner(["subject"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = Self.envelope.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let type = scan.string(1)?.range else {
            // Some documented futures pushes have no type.
            return scan.string(0).map { packet($0.range, message) } ?? .unrouted
        }
        if message.equals(type, "message") { return scan.string(0).map { packet($0.range, message) } ?? .unrouted }
        if message.equals(type, "pong") || message.equals(type, "welcome") { return .heartbeat }
        if message.equals(type, "notice") || message.equals(type, "command") { return notice(message) }
        let isError = message.equals(type, "error")
        guard isError || message.equals(type, "ack") else { return .unrouted }
        let fields = Self.answer.scan(message)
        if let complaint = fields.complaint { return .malformed(complaint) }
        let id = fields.present(0).map { message.text($0) }
        guard isError else { return .ack(Acknowledgement(.accepted, requestID: id)) }
        let words = [fields[1], fields[2]].compactMap(\.self).map { message.text($0) }.joined(separator: " ")
        return id == nil ? .notice(Notice(.error, words)) : .ack(Acknowledgement(.rejected(words), requestID: id))
    }

    private func packet(_ topic: Range<Int>, _ message: UnsafeRawBufferPointer) -> Reading {
        guard let parts = message.split(topic, at: 0x3A) else { return .packet(Route(first: topic, tag: Tag.whole)) }
        // `/market/ticker:all`: the symbol of each packet stands in `subject`, but what was asked for is all of them.
        let isWhole = message.equals(parts.after, "all") || message.position(of: 0x2C, in: parts.after) != nil
        return .packet(isWhole ? Route(first: parts.before, tag: Tag.whole) : Route(first: topic))
    }

    private func notice(_ message: UnsafeRawBufferPointer) -> Reading {
        let scan = Self.notice.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        let isMaintenance = scan.string(0).map { message.equals($0.range, "maintenance") } ?? false
        return .notice(Notice(isMaintenance ? .maintenance : .information, message.excerpt))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        let name = message.decoded(route.first)
        guard route.tag == Tag.topic, let colon = name.firstIndex(of: ":") else { return topic(name, Topic.allSymbols) }
        let (channel, symbol) = (String(name[..<colon]), String(name[name.index(after: colon)...]))
        if channel.hasSuffix("andles") || channel.hasSuffix("Candle"), let mark = symbol.lastIndex(of: "_") {
            return topic("\(channel) \(symbol[symbol.index(after: mark)...])", String(symbol[..<mark]))
        }
        return topic(channel, symbol)
    }

    /// Own names lose the slash in front: `/indicator/index` is `indicator-index`.
    private func topic(_ channel: String, _ symbol: String) -> Topic {
        let topic = offer.topic(channel, symbol)
        return topic.channel.hasPrefix("-") ? Topic(channel: String(topic.channel.dropFirst()), symbol: symbol) : topic
    }
}
