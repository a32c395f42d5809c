/// An exchange described by data: for every plain server that sends text frames after one subscribe message, `id`, `url` and
/// `subscribe` are enough. Everything else has a default.
///
/// Templates hold `{channel}`, `{symbol}` and `{id}` (the request's number); all other text stands as written. Paths are those of
/// `FieldPath`: `data.symbol`, `data[0].s`, `data[].s` (all elements), `[-1]` (the last one).
public struct DialectDefinition: Sendable, Equatable {
    /// `[a-z0-9_-]`, at most 40 characters.
    public var id: String
    /// `ws://` or `wss://`.
    public var url: String
    public var name: String
    public var market: ExchangeProfile.Market = .spot
    public var exampleSymbol = "BTC-USD"

    /// What asks for one topic. Without `{channel}` and `{symbol}` it is sent once, for all topics; nil: the server sends unasked.
    public var subscribe: String?
    /// What ends one topic's data; nil: they end with the connection.
    public var unsubscribe: String?
    /// Colony's word (`trade`) and the exchange's name (`trades`) of each channel. Empty: names are used as they are.
    public var channels: [String: String] = [:]

    /// Where a push names its channel. The value may hold the symbol too, joined as `subscribe` joins them (`{channel}.{symbol}`).
    /// nil, with `symbolAt` nil too: every packet goes to the control stream.
    public var channelAt: String?
    /// Where a push names its symbol.
    public var symbolAt: String?

    /// Where an acknowledgement says that it is one: by being there, or by the value `ackValue`.
    public var ackAt: String?
    public var ackValue: String?
    /// Where a refusal stands. null, false, 0 and empty strings are no refusal.
    public var errorAt: String?
    /// Where an answer repeats the request's id. nil: `id`, if `subscribe` holds `{id}`.
    public var idAt: String?

    public var heartbeat = Heartbeat()
    /// Messages that hold one of these texts in their first 1,024 bytes are signs of life, not data.
    public var ignore: [String] = []
    /// Requests wait for the first sign of life: a message that `ignore` or `heartbeat.expect` matches.
    public var waitsForGreeting = false
    public var compression: ExchangeProfile.Compression = .none
    /// Whether permessage-deflate is offered.
    public var offersDeflate = false
    public var limits = ExchangeProfile.Limits()

    public init(id: String, url: String, subscribe: String?) {
        self.id = id
        self.url = url
        self.name = id
        self.subscribe = subscribe
    }

    /// Who keeps the connection alive, and how.
    public struct Heartbeat: Sendable, Equatable {
        public enum Style: String, Sendable, CaseIterable {
            /// `send` as a text frame.
            case text
            /// A PING control frame with `send` as payload; every websocket server answers it.
            case ping
            /// The client sends none.
            case none
        }

        public var style = Style.ping
        /// The text or payload. `{time}` is the time in milliseconds since 1970.
        public var send: String?
        public var every: Duration = .seconds(30)
        /// A text that the answer to a text heartbeat holds in its first 1,024 bytes.
        public var expect: String?
        /// How long the answer may take.
        public var replyWithin: Duration = .seconds(10)
        /// No frame at all for so long: the connection is dead.
        public var silence: Duration?
        /// A text that the server's own heartbeat holds, and the text the client owes.
        public var ask: String?
        public var answer: String?

        public init() {}
    }
}

extension DialectDefinition {
    /// An error that names the field.
    func complaint(_ field: String, _ text: String) -> DialectError {
        DialectError(.badDefinition, "exchange '\(id)': \(field): \(text)")
    }

    /// Checks what a definition must hold to be usable. Throws `badDefinition` that names the field.
    func validate() throws(DialectError) {
        let legal = id.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F || $0 == 0x2D }
        guard legal, !id.isEmpty, id.utf8.count <= 40 else {
            throw complaint("id", "write 1 to 40 characters of a-z, 0-9, _ and -")
        }
        try validateAddress()
        if subscribe?.isEmpty == true { throw complaint("subscribe", "is empty; leave it out where the server sends unasked") }
        if unsubscribe != nil, subscribe == nil { throw complaint("unsubscribe", "needs subscribe") }
        try validateChannels()
        try validatePaths()
        try validateHeartbeat()
        if ignore.contains("") { throw complaint("ignore", "an empty text would match every message") }
        try validateLimits()
    }

    private func validateAddress() throws(DialectError) {
        let rest = url.hasPrefix("wss://") ? url.dropFirst(6) : url.hasPrefix("ws://") ? url.dropFirst(5) : ""
        guard let first = rest.first, !"/:?#".contains(first), url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw complaint("url", "'\(url)' is no websocket address; write for example wss://host/path")
        }
    }

    private func validateChannels() throws(DialectError) {
        for (word, name) in channels {
            if ChannelName.own(word) != word || word.isEmpty {
                throw complaint("channels.\(word)", "write the word in a-z, 0-9, _ . and -")
            }
            if name.isEmpty { throw complaint("channels.\(word)", "the exchange's name is empty") }
        }
        if Set(channels.values).count != channels.count { throw complaint("channels", "two words have one name") }
    }

    private func validatePaths() throws(DialectError) {
        for (field, path) in [
            ("channel_at", channelAt), ("symbol_at", symbolAt), ("ack_at", ackAt), ("error_at", errorAt), ("id_at", idAt),
        ] {
            guard let path else { continue }
            do { _ = try FieldPath(parsing: path) } catch { throw complaint(field, error.description) }
        }
        if ackValue != nil, ackAt == nil { throw complaint("ack_value", "needs ack_at") }
        if symbolAt != nil, channelAt == nil, channels.count != 1 {
            throw complaint("symbol_at", "needs channel_at, or exactly one entry in channels that all packets belong to")
        }
        let asksForSymbols = subscribe?.contains("{symbol}") ?? false
        if channelAt != nil, symbolAt == nil, asksForSymbols, joint == nil {
            throw complaint(
                "channel_at",
                "subscribe asks for symbols, but nothing tells where a packet names its symbol: add symbol_at, or remove channel_at")
        }
    }

    private func validateHeartbeat() throws(DialectError) {
        let heartbeat = heartbeat
        if heartbeat.style == .text, heartbeat.send == nil { throw complaint("heartbeat.send", "style text needs it") }
        if heartbeat.style == .ping, heartbeat.send.map({ $0.utf8.count > 125 }) == true {
            throw complaint("heartbeat.send", "a control frame carries at most 125 bytes")
        }
        if heartbeat.expect != nil, heartbeat.style != .text { throw complaint("heartbeat.expect", "goes with style text only") }
        if heartbeat.expect == "" { throw complaint("heartbeat.expect", "an empty text would match every message") }
        if (heartbeat.ask == nil) != (heartbeat.answer == nil) { throw complaint("heartbeat.ask", "ask and answer go together") }
        if heartbeat.ask == "" { throw complaint("heartbeat.ask", "an empty text would match every message") }
        guard heartbeat.every >= .seconds(1), heartbeat.every <= .seconds(3600) else {
            throw complaint("heartbeat.every", "\(heartbeat.every) is not between 1s and 1h")
        }
        guard heartbeat.replyWithin > .zero else { throw complaint("heartbeat.reply_within", "must be more than nothing") }
        if heartbeat.style != .none, silence < heartbeat.every {
            throw complaint(
                "heartbeat.silence", "\(silence) is shorter than heartbeat.every (\(heartbeat.every)): every connection would count as dead"
            )
        }
    }

    private func validateLimits() throws(DialectError) {
        for (field, count) in [
            ("limits.max_topics", limits.maxTopics), ("limits.messages", limits.messages), ("limits.connects", limits.connects),
            ("limits.topics_per_message", limits.topicsPerMessage),
        ] {
            if let count, count < 1 { throw complaint(field, "\(count) is less than 1") }
        }
        for (field, span) in [
            ("limits.message_window", limits.messageWindow), ("limits.connect_window", limits.connectWindow),
            ("limits.max_age", limits.maxAge),
        ] {
            if let span, span <= .zero { throw complaint(field, "must be more than nothing") }
        }
        if (limits.connects == nil) != (limits.connectWindow == nil) {
            throw complaint("limits.connects", "connects and connect_window go together")
        }
    }

    /// No frame for so long: dead. Three heartbeats may go unanswered, and a quiet market has a minute.
    var silence: Duration {
        heartbeat.silence ?? max(heartbeat.every * 3, .seconds(60))
    }

    /// How `subscribe` joins channel and symbol in one word: `{channel}.{symbol}` or `{symbol}@{channel}`; nil where it does not.
    package var joint: Joint? {
        guard let subscribe else { return nil }
        for (isChannelFirst, head, tail) in [(true, "{channel}", "{symbol}"), (false, "{symbol}", "{channel}")] {
            guard let first = subscribe.firstRange(of: head), let last = subscribe[first.upperBound...].firstRange(of: tail) else {
                continue
            }
            let separator = subscribe[first.upperBound..<last.lowerBound]
            if (1...3).contains(separator.utf8.count), !separator.contains(where: { "\"'{}[], ".contains($0) }) {
                return Joint(isChannelFirst: isChannelFirst, separator: String(separator))
            }
        }
        return nil
    }

    package struct Joint: Sendable, Equatable {
        package var isChannelFirst: Bool
        package var separator: String
    }
}
