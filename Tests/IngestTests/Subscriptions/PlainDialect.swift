import ColonyExchanges

/// A dialect for tests: `sub 7 trade BTC,trade ETH` and `unsub 8 trade BTC`, with whatever limits a test wants.
///
/// Symbols are upper case; the channel `nope` is unknown. Topics of the channel `url` are named in the URL only.
struct PlainDialect: Dialect {
    var profile: ExchangeProfile
    /// Requests carry their id and the answers repeat it.
    var hasIDs = true

    init(
        topicsPerMessage: Int = 10, maxTopics: Int? = nil, messages: Int = 100, window: Duration = .seconds(1), replaces: Bool = false,
        hasIDs: Bool = true
    ) {
        profile = ExchangeProfile(
            id: "plain", name: "Plain", market: .spot, family: "plain", url: "ws://127.0.0.1/",
            heartbeat: ExchangeProfile.Heartbeat(initiator: .none, silence: .seconds(60)),
            limits: ExchangeProfile.Limits(
                topicsPerMessage: topicsPerMessage, maxTopics: maxTopics, messages: messages, messageWindow: window,
                subscriptionReplaces: replaces),
            exampleSymbol: "BTC")
        self.hasIDs = hasIDs
    }

    func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        if topic.channel == "nope" { throw DialectError(.unknownChannel, "Plain has no channel 'nope'") }
        return Topic(channel: topic.channel, symbol: topic.symbol.uppercased())
    }

    func connection(topics: [Topic], random: UInt64) -> ConnectionPlan { .url(profile.url) }

    func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        requests("sub", topics.filter { $0.channel != "url" }, firstID: firstID)
    }

    func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        if profile.limits.subscriptionReplaces { return requests("sub", remaining, firstID: firstID) }
        return requests("unsub", topics.filter { $0.channel != "url" }, firstID: firstID)
    }

    private func requests(_ word: String, _ topics: [Topic], firstID: Int) -> [Request] {
        stride(from: 0, to: topics.count, by: profile.limits.topicsPerMessage).enumerated().map { number, start in
            let batch = Array(topics[start..<min(start + profile.limits.topicsPerMessage, topics.count)])
            let id = "\(firstID + number)"
            let names = batch.map(\.description).joined(separator: ",")
            return Request(id: hasIDs ? id : nil, topics: batch, message: .text("\(word) \(id) \(names)"))
        }
    }

    func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? { nil }
    func makeReader() -> any DialectReader { PlainReader() }
}

private struct PlainReader: DialectReader {
    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading { .heartbeat }
    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? { nil }
}

/// SplitMix64: the same numbers for the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
