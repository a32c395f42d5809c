package import ColonyExchanges

/// An exchange that is known by its definition only (`exchanges: { mygateway: { .. } }`): it takes the requests that the definition makes, sends
/// data of the shape that it reads, and enforces the heartbeat and the limits that it names.
///
/// A client's text heartbeat is answered as `heartbeat.expect` wants; a client silent for twice `heartbeat.every` is cut. Where the definition
/// has a heartbeat of the server's (`ask`), it is sent every 15 s and its answer owed within 10 s.
package struct DefinedServer: ServerDialect {
    package let rules: ServerRules
    package let listings: [String]
    private let definition: DialectDefinition
    private let subscribes: TemplatePattern?
    private let unsubscribes: TemplatePattern?
    private let ping: TemplatePattern?
    private let paths: Paths

    private struct Paths: Sendable {
        var channel: FieldPath?
        var symbol: FieldPath?
        var acknowledgement: FieldPath?
        var error: FieldPath?
        var id: FieldPath = ["id"]

        init(_ definition: DialectDefinition) throws(DialectError) {
            func path(_ text: String?) throws(DialectError) -> FieldPath? {
                guard let text else { return nil }
                return try FieldPath(parsing: text)
            }
            channel = try path(definition.channelAt)
            symbol = try path(definition.symbolAt)
            acknowledgement = try path(definition.ackAt)
            error = try path(definition.errorAt)
            id = try path(definition.idAt) ?? ["id"]
        }
    }

    private static let askEvery = Duration.seconds(15)

    /// `symbols` are traded besides the definition's own. Throws `badDefinition` for a path that cannot be read.
    package init(_ definition: DialectDefinition, symbols: [String] = []) throws(DialectError) {
        paths = try Paths(definition)
        self.definition = definition
        listings = [definition.exampleSymbol] + symbols
        let blanks = ["channel", "symbol", "id"]
        subscribes = definition.subscribe.map { TemplatePattern($0, blanks: blanks) }
        unsubscribes = definition.unsubscribe.map { TemplatePattern($0, blanks: blanks) }
        let heartbeat = definition.heartbeat
        ping = heartbeat.style == .text ? heartbeat.send.map { TemplatePattern($0, blanks: ["time"]) } : nil
        var rules = ServerRules()
        rules.packing =
            switch definition.compression {
            case .none: .none
            case .gzip: .gzip
            case .rawDeflate: .rawDeflate
            }
        if heartbeat.style != .none { rules.clientSilence = heartbeat.every * 2 }
        if heartbeat.ask != nil { rules.heartbeat = .init(every: Self.askEvery, owed: .messageWithin(.seconds(10))) }
        let limits = definition.limits
        rules.messages = .init(limits.messages, per: limits.messageWindow)
        rules.countsControlFrames = false
        if let connects = limits.connects, let window = limits.connectWindow { rules.connects = .init(connects, per: window) }
        rules.maxTopics = limits.maxTopics
        rules.maxAge = limits.maxAge
        self.rules = rules
    }

    package var exchange: String { definition.id }
    package var unknownSymbols: UnknownSymbolAnswer { definition.errorAt == nil ? .ignored : .refused }

    package var path: String {
        let rest = definition.url[(definition.url.firstRange(of: "://")?.upperBound ?? definition.url.startIndex)...]
        let path = String(rest.drop { $0 != "/" && $0 != "?" })
        return path.hasPrefix("/") ? path : "/" + path
    }

    package func serves(path: String) -> Bool { path == self.path.prefix { $0 != "?" } }

    package func open(_ socket: SocketView) -> Answer {
        var answer = Answer()
        if definition.waitsForGreeting, let greeting = definition.ignore.first ?? definition.heartbeat.expect {
            answer.replies = [ServerMessage(greeting)]
        }
        // Sent unasked: one stream without a name.
        if definition.subscribe == nil { answer.subscribe = [Subscription(key: "all", topic: everything)] }
        return answer
    }

    private var everything: Topic { Topic(channel: "all", symbol: Topic.allSymbols) }

    package func answer(_ message: ClientMessage, _ socket: SocketView) -> Answer {
        guard let text = message.text else { return Answer() }
        if ping?.values(of: text) != nil { return Answer(replies: definition.heartbeat.expect.map { [ServerMessage($0)] } ?? []) }
        if text == definition.heartbeat.answer { return Answer(answered: "ask") }
        if let values = unsubscribes?.values(of: text) {
            return Answer(replies: acknowledgement(values), unsubscribe: [key(values)])
        }
        guard let values = subscribes?.values(of: text) else { return Answer(replies: refusal("not understood", [:])) }
        let symbol = values["symbol"] ?? Topic.allSymbols
        guard symbol == Topic.allSymbols || socket.listings.contains(symbol) else {
            return Answer(replies: refusal("unknown symbol \(symbol)", values))
        }
        return Answer(replies: acknowledgement(values), subscribe: [Subscription(key: key(values), topic: topic(values))])
    }

    package func heartbeat(_ socket: SocketView) -> Beat {
        guard let ask = definition.heartbeat.ask else { return Beat() }
        return Beat(messages: [ServerMessage(ask)], token: "ask")
    }

    package func data(_ subscription: Subscription, _ tick: Tick, _ socket: SocketView) -> ServerMessage {
        let parts = subscription.key.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        var shape = MessageShape()
        let names = name(parts[0], parts.count > 1 ? parts[1] : "")
        let place = paths.symbol ?? ["data", "symbol"]
        shape.set(beside: place, key: "n", String(tick.number))
        shape.set(beside: place, key: "price", JSONValue.quoted("\(tick.price)"))
        shape.set(beside: place, key: "size", JSONValue.quoted("\(tick.size)"))
        shape.set(beside: place, key: "time", String(tick.wallMilliseconds))
        for (path, value) in names { shape.set(path, JSONValue.quoted(value)) }
        return ServerMessage(shape.text)
    }

    // MARK: Names

    private func key(_ values: [String: String]) -> String { "\(values["channel"] ?? "") \(values["symbol"] ?? "")" }

    private func topic(_ values: [String: String]) -> Topic {
        guard let native = values["channel"] else { return everything }
        let word = definition.channels.first { $0.value == native }?.key ?? native
        return Topic(channel: word, symbol: values["symbol"] ?? Topic.allSymbols)
    }

    /// What stands where in a message about a channel and symbol, as the definition reads it.
    private func name(_ channel: String, _ symbol: String) -> [(path: FieldPath, value: String)] {
        var names: [(path: FieldPath, value: String)] = []
        if let path = paths.channel, !channel.isEmpty {
            var value = channel
            if paths.symbol == nil, let joint = definition.joint, !symbol.isEmpty {
                value = joint.isChannelFirst ? channel + joint.separator + symbol : symbol + joint.separator + channel
            }
            names.append((path, value))
        }
        if let path = paths.symbol, !symbol.isEmpty { names.append((path, symbol)) }
        return names
    }

    private func acknowledgement(_ values: [String: String]) -> [ServerMessage] {
        guard let path = paths.acknowledgement else { return [] }
        return [answer(path, definition.ackValue ?? "ok", values)]
    }

    private func refusal(_ words: String, _ values: [String: String]) -> [ServerMessage] {
        paths.error.map { [answer($0, words, values)] } ?? []
    }

    private func answer(_ path: FieldPath, _ value: String, _ values: [String: String]) -> ServerMessage {
        var shape = MessageShape()
        for (path, value) in name(values["channel"] ?? "", values["symbol"] ?? "") { shape.set(path, JSONValue.quoted(value)) }
        if let id = values["id"] { shape.set(paths.id, id.allSatisfy(\.isNumber) ? id : JSONValue.quoted(id)) }
        shape.set(path, JSONValue.quoted(value))
        return ServerMessage(shape.text)
    }
}
