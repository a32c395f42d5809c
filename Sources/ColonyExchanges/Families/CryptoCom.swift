/// Crypto.com Exchange v1: `{"id":1,"method":"subscribe","params":{"channels":["trade.BTC_USDT"]}}`; pushes look like answers with a result.
struct CryptoComDialect: TableDialect {
    var profile: ExchangeProfile
    // A book's pushes name its depth, but not whether they were asked for as deltas; deltas with a snapshot first are asked for.
    let offer = ChannelOffer(["trade": "trade", "ticker": "ticker", "book": "book 50", "book.10": "book 10"]).adding(
        candles: "candlestick",
        [
            "1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "2h": "2h", "4h": "4h", "12h": "12h", "1d": "1D", "1w": "7D",
            "2w": "14D", "1mon": "1M",
        ]
    ).answering(["bbo": "ticker", "book.50": "book"])
    let symbols = SymbolStyle(.upper, separator: "_")

    static let dialects: [any Dialect] = [
        CryptoComDialect(
            profile: ExchangeProfile(
                id: "cryptocom", name: "Crypto.com Exchange", market: .spot, family: "cryptocom",
                url: "wss://stream.crypto.com/exchange/v1/market",
                heartbeat: .init(
                    initiator: .server, silence: .seconds(45), serverInterval: .seconds(30), serverDeadline: .seconds(5)),
                // How many channels a message may carry is not published; the rate of 100 a second could not be checked.
                limits: .init(topicsPerMessage: 20, maxTopics: 400, messages: 10), exampleSymbol: "BTC_USDT"))
    ]

    /// Spot symbols have an underscore, derivatives a hyphen and no separator between the currencies: `BTC_USDT`, `BTCUSD-PERP`.
    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let isDerivative = topic.symbol.split(separator: "-").dropFirst().first.map {
            $0.uppercased() == "PERP" || $0.allSatisfy { $0.isASCII && $0.isNumber }
        }
        return try offer.canonical(topic, of: profile, isDerivative == true ? SymbolStyle(.upper, separator: nil) : symbols)
    }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        requests("subscribe", topics, firstID)
    }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        requests("unsubscribe", topics, firstID)
    }

    private func requests(_ method: String, _ topics: [Topic], _ firstID: Int) -> [Request] {
        // The book's parameters belong to the message, so books travel apart.
        let books = topics.filter { $0.channel.hasPrefix("book") }
        let others = topics.filter { !$0.channel.hasPrefix("book") }
        var requests: [Request] = []
        for (group, parameters) in [
            (others, ""), (books, #","book_subscription_type":"SNAPSHOT_AND_UPDATE","book_update_frequency":10"#),
        ] {
            for batch in group.batches(of: profile.limits.topicsPerMessage) {
                let id = firstID + requests.count
                let channels = MessageText.array(batch.map(channel))
                let extra = method == "subscribe" ? parameters : ""
                let text = #"{"id":\#(id),"method":"\#(method)","params":{"channels":\#(channels)\#(extra)}\#(Self.tail(0))"#
                requests.append(Request(id: String(id), topics: batch, message: .text(text)))
            }
        }
        return requests
    }

    /// The nonce is the time of the request in milliseconds; requests are made without a clock.
    func stamped(_ request: Request, wallMilliseconds: Double) -> Request {
        guard case .text(let text) = request.message, text.hasSuffix(Self.tail(0)) else { return request }
        var request = request
        let time = PingContext(wallMilliseconds: wallMilliseconds, random: 0).milliseconds
        request.message = .text(text.dropLast(Self.tail(0).count) + Self.tail(time))
        return request
    }

    private static func tail(_ nonce: Int64) -> String { #","nonce":\#(nonce)}"# }

    private func channel(_ topic: Topic) -> String {
        let native = offer.native(topic.channel).split(separator: " ")
        guard native.count > 1 else { return "\(native[0]).\(topic.symbol)" }
        return native[0] == "book" ? "book.\(topic.symbol).\(native[1])" : "\(native[0]).\(native[1]).\(topic.symbol)"
    }

    /// The server asks; the client only answers.
    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        style == .legacy2020 ? LegacyHeartbeat.message(profile.id, context) : nil
    }

    func makeReader() -> any DialectReader { CryptoComReader(offer: offer) }
}

struct CryptoComReader: DialectReader {
    let offer: ChannelOffer

    private static let envelope = FieldScanner(["method"], ["result", "subscription"])
    private static let answer = FieldScanner(["id"], ["code"], ["channel"], ["message"])

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let scan = Self.envelope.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        guard let method = scan.string(0)?.range else { return .unrouted }
        if let subscription = scan.string(1) { return .packet(Route(first: subscription.range)) }
        let fields = Self.answer.scan(message)
        if let complaint = fields.complaint { return .malformed(complaint) }
        let id = fields.present(0)
        if message.equals(method, "public/heartbeat") {
            guard let id else { return .malformed("a heartbeat without id cannot be answered") }
            return .reply(.text(#"{"id":\#(message.text(id.range)),"method":"public/respond-heartbeat"}"#))
        }
        let isUnsubscription = message.equals(method, "unsubscribe")
        guard isUnsubscription || message.equals(method, "subscribe") else { return .unrouted }
        let topics = fields.string(2).map { [self.topic(message.text($0))] } ?? []
        let code = fields[1].flatMap { message.integer(in: $0.range) } ?? 0
        let words = "\(code) \(fields[3].map { message.text($0) } ?? "")"
        return .ack(
            Acknowledgement(
                code == 0 ? .accepted : .rejected(words), requestID: id.map { message.text($0) }, topics: topics,
                isUnsubscription: isUnsubscription))
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        topic(message.decoded(route.first))
    }

    /// `trade.BTC_USDT`, `book.BTC_USDT.50`, `candlestick.1m.BTC_USDT`.
    private func topic(_ subscription: String) -> Topic {
        let parts = subscription.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        switch parts.count {
        case 2: return offer.topic(parts[0], parts[1])
        case 3: return parts[0] == "book" ? offer.topic("book \(parts[2])", parts[1]) : offer.topic("\(parts[0]) \(parts[1])", parts[2])
        default: return Topic(channel: ChannelName.own(subscription), symbol: Topic.allSymbols)
        }
    }
}
