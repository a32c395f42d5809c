/// Binance's protocol: spot, both kinds of futures, and Gemini since 2025.
///
/// Connections use the combined form (`/stream`), where every push names its stream; raw pushes (`/ws`) are understood too. An
/// unknown stream name is acknowledged and then stays silent, so a subscription is proved only by its first data.
struct BinanceDialect: Dialect {
    enum Variant: Sendable { case spot, futures, gemini }

    var profile: ExchangeProfile
    let variant: Variant

    init(_ profile: ExchangeProfile, _ variant: Variant) {
        self.profile = profile
        self.variant = variant
    }

    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let style = SymbolStyle(variant == .gemini ? .lower : .upper, separator: variant == .futures ? nil : "")
        let symbol = try style.canonical(topic.symbol)
        guard let stream = streams.stream(of: ChannelName(topic.channel), symbol: symbol), let result = streams.topic(of: stream) else {
            throw .noChannel(topic.channel, at: profile, offered: streams.offered)
        }
        return result
    }

    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan {
        Self.addressList.plan(profile, topics) { streams.stream(of: ChannelName($0.channel), symbol: $0.symbol) }
    }

    /// Only of the combined form: the raw one has its streams in the path. No answer confirms them, and unknown ones are passed over.
    private static let addressList = AddressList(item: "streams", separator: "/", path: "/stream")

    /// USD-M futures serve books and best prices on one path, everything else on another.
    var branches: [Branch] {
        guard profile.id == "binance_usdm" else { return [] }
        return Branch.named("public", of: profile.url, replacing: "/market/stream", with: "/public/stream").map { [$0] } ?? []
    }

    func branch(of topic: Topic) -> String? {
        ["book", "book_snapshot", "bbo"].contains(ChannelName(topic.channel).base) ? branches.first?.name : nil
    }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] { requests("SUBSCRIBE", topics, firstID) }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] { requests("UNSUBSCRIBE", topics, firstID) }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        switch style {
        case .documented: variant == .gemini ? .ping([]) : nil
        case .legacy2020: LegacyHeartbeat.message(profile.id, context)
        }
    }

    func makeReader() -> any DialectReader { BinanceReader(streams: streams) }

    private var streams: BinanceStreams { BinanceStreams(variant: variant) }

    private func requests(_ method: String, _ topics: [Topic], _ firstID: Int) -> [Request] {
        topics.batches(of: profile.limits.topicsPerMessage).enumerated().map { offset, batch in
            let names = batch.compactMap { streams.stream(of: ChannelName($0.channel), symbol: $0.symbol) }
            let text = #"{"method":"\#(method)","params":\#(MessageText.array(names)),"id":\#(firstID + offset)}"#
            return Request(id: String(firstID + offset), topics: batch, message: .text(text))
        }
    }
}

extension BinanceDialect {
    static let dialects: [any Dialect] = [
        BinanceDialect(
            ExchangeProfile(
                id: "binance", name: "Binance", market: .spot, family: "binance", url: "wss://stream.binance.com:9443/stream",
                heartbeat: .init(initiator: .server, silence: .seconds(60), serverInterval: .seconds(20), serverDeadline: .seconds(60)),
                // Five messages a second are allowed, and answers to PING frames count.
                limits: .init(
                    topicsPerMessage: 100, topicsInAddress: 200, maxTopics: 1024, messages: 4, connects: 300, connectWindow: .seconds(300),
                    maxAge: .seconds(86_400)),
                exampleSymbol: "BTCUSDT"), .spot),
        BinanceDialect(
            ExchangeProfile(
                id: "binance_usdm", name: "Binance USD-margined futures", market: .futures, family: "binance",
                url: "wss://fstream.binance.com/market/stream", heartbeat: futuresHeartbeat, limits: futuresLimits, exampleSymbol: "BTCUSDT"
            ),
            .futures),
        BinanceDialect(
            ExchangeProfile(
                id: "binance_coinm", name: "Binance coin-margined futures", market: .futures, family: "binance",
                url: "wss://dstream.binance.com/stream", heartbeat: futuresHeartbeat, limits: futuresLimits, exampleSymbol: "BTCUSD_PERP"),
            .futures),
        BinanceDialect(
            ExchangeProfile(
                id: "gemini", name: "Gemini", market: .spot, family: "binance", url: "wss://ws.gemini.com?snapshot=-1",
                heartbeat: .init(initiator: .both, interval: .seconds(30), replyWithin: .seconds(30), silence: .seconds(60)),
                limits: .init(topicsPerMessage: 20), exampleSymbol: "btcusd"), .gemini),
    ]

    private static let futuresHeartbeat = ExchangeProfile.Heartbeat(
        initiator: .server, silence: .seconds(300), serverInterval: .seconds(180), serverDeadline: .seconds(600))

    // Older documents and clients know a limit of 200 streams for each connection, today's 1024.
    private static let futuresLimits = ExchangeProfile.Limits(
        topicsPerMessage: 100, topicsInAddress: 200, maxTopics: 200, messages: 8, connects: 300, connectWindow: .seconds(300),
        maxAge: .seconds(86_400))
}
