/// The dialect of an exchange that a `DialectDefinition` describes.
public struct DefinedDialect: Dialect {
    public var profile: ExchangeProfile
    private let definition: DialectDefinition
    private let paths: DefinedPaths

    /// Throws `badDefinition`, naming the field, for a definition that contradicts itself.
    public init(_ definition: DialectDefinition) throws(DialectError) {
        try definition.validate()
        self.definition = definition
        paths = try DefinedPaths(definition)
        let heartbeat = definition.heartbeat
        let asksItself = heartbeat.style != .none
        let initiator: ExchangeProfile.Heartbeat.Initiator =
            switch (asksItself, heartbeat.ask != nil) {
            case (true, true): .both
            case (true, false): .client
            case (false, true): .server
            case (false, false): .none
            }
        // Whether a text heartbeat was answered can only be told where the answer is described.
        let isAnswered = heartbeat.style == .ping || heartbeat.expect != nil
        profile = ExchangeProfile(
            id: definition.id, name: definition.name, market: definition.market, family: "defined", url: definition.url,
            compression: definition.compression, offersDeflate: definition.offersDeflate,
            heartbeat: .init(
                initiator: initiator, interval: asksItself ? heartbeat.every : nil, replyWithin: isAnswered ? heartbeat.replyWithin : nil,
                silence: definition.silence),
            limits: definition.limits, subscribesAfterGreeting: definition.waitsForGreeting, exampleSymbol: definition.exampleSymbol)
        profile.namesStreams = definition.channelAt != nil || definition.symbolAt != nil
    }

    /// Keeps the symbol as written. Where the definition lists channels, their words and the exchange's own names are accepted.
    public func canonical(_ topic: Topic) throws(DialectError) -> Topic {
        let channel = try canonicalWord(topic.channel)
        let namesNoSymbol = definition.channelAt != nil && definition.symbolAt == nil && definition.joint == nil
        if namesNoSymbol { return Topic(channel: channel, symbol: Topic.allSymbols) }
        return Topic(channel: channel, symbol: try SymbolStyle(.asWritten, separator: nil).canonical(topic.symbol))
    }

    private func canonicalWord(_ text: String) throws(DialectError) -> String {
        if definition.channels.isEmpty {
            if !text.isEmpty, ChannelName.own(text) == text { return text }
            throw DialectError(
                .unknownChannel, "\(profile.id): '\(text)' cannot be part of a stream's name; give it a word with channels.<word>: \(text)")
        }
        for word in [ChannelName(text).description, text] where definition.channels[word] != nil { return word }
        if let word = definition.channels.first(where: { $0.value == text })?.key { return word }
        let offered = definition.channels.keys.sorted().joined(separator: ", ")
        throw DialectError(.unknownChannel, "\(profile.id) has no channel '\(text)'; its definition lists \(offered)")
    }

    public func connection(topics: [Topic], random: UInt64) -> ConnectionPlan {
        .url(profile.url)
    }

    public func subscribe(_ topics: [Topic], firstID: Int) -> [Request] {
        definition.subscribe.map { requests($0, topics, firstID) } ?? []
    }

    /// None where the definition has no template: the data end with the connection.
    public func unsubscribe(_ topics: [Topic], remaining: [Topic], firstID: Int) -> [Request] {
        definition.unsubscribe.map { requests($0, topics, firstID) } ?? []
    }

    private func requests(_ template: String, _ topics: [Topic], _ firstID: Int) -> [Request] {
        let isPerTopic = template.contains("{channel}") || template.contains("{symbol}")
        let repeatsID = template.contains("{id}")
        let groups = isPerTopic ? topics.map { [$0] } : [topics]
        return groups.enumerated().map { index, group in
            let id = String(firstID + index)
            var values = ["{id}": id]
            if isPerTopic {
                values["{channel}"] = definition.channels[group[0].channel] ?? group[0].channel
                values["{symbol}"] = group[0].symbol
            }
            let text = filled(template, with: values)
            return Request(id: repeatsID ? id : nil, topics: group, message: .text(text))
        }
    }

    /// One pass from left to right, so that a symbol that looks like a placeholder stays as it is.
    private func filled(_ template: String, with values: [String: String]) -> String {
        var result = ""
        var rest = Substring(template)
        while let open = rest.firstIndex(of: "{") {
            result += rest[..<open]
            rest = rest[open...]
            if let (placeholder, value) = values.first(where: { rest.hasPrefix($0.key) }) {
                result += value
                rest = rest.dropFirst(placeholder.count)
            } else {
                result += "{"
                rest = rest.dropFirst()
            }
        }
        return result + rest
    }

    public func ping(_ style: HeartbeatStyle, _ context: PingContext) -> OutgoingMessage? {
        if style == .legacy2020 { return LegacyHeartbeat.message(profile.id, context) }
        let text = filled(definition.heartbeat.send ?? "ping", with: ["{time}": String(context.milliseconds)])
        return switch definition.heartbeat.style {
        case .text: .text(text)
        case .ping: .ping(Array(text.utf8))
        case .none: nil
        }
    }

    public func makeReader() -> any DialectReader { DefinedReader(definition, paths) }
}
