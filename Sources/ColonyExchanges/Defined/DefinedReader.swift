#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The paths of a definition, laid out for one scan of each message.
struct DefinedPaths: Sendable {
    let scanner: FieldScanner?
    let idScanner: FieldScanner?
    /// The number of each path within `scanner`.
    private(set) var acknowledgement: Int?
    private(set) var error: Int?
    private(set) var channel: Int?
    private(set) var symbol: Int?

    init(_ definition: DialectDefinition) throws(DialectError) {
        var paths: [FieldPath] = []
        func add(_ text: String?) throws(DialectError) -> Int? {
            guard let text else { return nil }
            paths.append(try FieldPath(parsing: text))
            return paths.count - 1
        }
        acknowledgement = try add(definition.ackAt)
        error = try add(definition.errorAt)
        channel = try add(definition.channelAt)
        symbol = try add(definition.symbolAt)
        scanner = paths.isEmpty ? nil : FieldScanner(paths: paths)
        let repeatsID = definition.subscribe?.contains("{id}") ?? false
        let id = definition.idAt ?? (repeatsID ? "id" : nil)
        idScanner = if let id { FieldScanner(try FieldPath(parsing: id)) } else { nil }
    }
}

/// Reads the messages of a defined exchange: signs of life by the texts they hold, everything else by the values at the paths.
struct DefinedReader: DialectReader {
    private enum Tag {
        static let named: UInt8 = 0
        static let whole: UInt8 = 1
        /// `first` is the symbol; all packets belong to the one channel.
        static let onlySymbol: UInt8 = 2
    }

    /// How far the texts of signs of life are looked for: such messages are short, and packets long.
    static let patternReach = 1024

    private let definition: DialectDefinition
    private let paths: DefinedPaths
    private let ask: [UInt8]?
    private let signsOfLife: [[UInt8]]

    init(_ definition: DialectDefinition, _ paths: DefinedPaths) {
        self.definition = definition
        self.paths = paths
        ask = definition.heartbeat.ask.map { Array($0.utf8) }
        signsOfLife = (definition.ignore + [definition.heartbeat.expect].compactMap(\.self)).map { Array($0.utf8) }
    }

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let head = UnsafeRawBufferPointer(rebasing: message.prefix(Self.patternReach))
        if let ask, head.holds(ask), let answer = definition.heartbeat.answer { return .reply(.text(answer)) }
        if signsOfLife.contains(where: { head.holds($0) }) { return .heartbeat }
        guard let scanner = paths.scanner else { return .unrouted }
        let scan = scanner.scan(message)
        if let complaint = scan.complaint { return .malformed(complaint) }
        if let value = paths.error.flatMap({ scan[$0] }), isRefusal(value, message) {
            return .ack(Acknowledgement(.rejected(message.text(value)), requestID: requestID(message), topics: named(scan, message)))
        }
        if let value = paths.acknowledgement.flatMap({ scan[$0] }), definition.ackValue.map({ message.text(value) == $0 }) ?? true {
            return .ack(Acknowledgement(.accepted, requestID: requestID(message), topics: named(scan, message)))
        }
        return route(scan).map { .packet($0) } ?? .unrouted
    }

    private func route(_ scan: FieldScan) -> Route? {
        let channelValue = paths.channel.flatMap { scan[$0] }.flatMap(Self.nameable)
        let symbolValue = paths.symbol.flatMap { scan[$0] }.flatMap(Self.nameable)
        if paths.channel == nil {
            guard let symbolValue else { return nil }
            return Route(first: symbolValue.differs ? 0..<0 : symbolValue.range, tag: Tag.onlySymbol)
        }
        guard let channelValue, !channelValue.differs else { return nil }
        if paths.symbol == nil { return Route(first: channelValue.range) }
        guard let symbolValue else { return nil }
        if symbolValue.differs { return Route(first: channelValue.range, tag: Tag.whole) }
        return Route(first: channelValue.range, second: symbolValue.range)
    }

    private static func nameable(_ value: FieldValue) -> FieldValue? {
        (value.kind == .string || value.kind == .number) && !value.range.isEmpty ? value : nil
    }

    private func isRefusal(_ value: FieldValue, _ message: UnsafeRawBufferPointer) -> Bool {
        switch value.kind {
        case .null, .false, .absent: false
        case .number, .string: !value.range.isEmpty && !message.equals(value.range, "0")
        case .true, .array, .object: true
        }
    }

    private func requestID(_ message: UnsafeRawBufferPointer) -> String? {
        guard let id = paths.idScanner?.scan(message).present(0) else { return nil }
        return message.text(id)
    }

    private func named(_ scan: FieldScan, _ message: UnsafeRawBufferPointer) -> [Topic] {
        guard let route = route(scan), let topic = spelled(route, message) else { return [] }
        return [topic]
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? {
        spelled(route, message)
    }

    private func spelled(_ route: Route, _ message: UnsafeRawBufferPointer) -> Topic? {
        let (first, second) = (message.decoded(route.first), message.decoded(route.second))
        switch route.tag {
        case Tag.onlySymbol:
            guard let word = definition.channels.keys.first else { return nil }
            return Topic(channel: word, symbol: first.isEmpty ? Topic.allSymbols : first)
        case Tag.whole: return Topic(channel: word(first), symbol: Topic.allSymbols)
        default:
            if paths.symbol != nil { return Topic(channel: word(withoutSymbol(first, second)), symbol: second) }
            guard let joint = definition.joint else { return Topic(channel: word(first), symbol: Topic.allSymbols) }
            return split(first, joint)
        }
    }

    private func word(_ name: String) -> String {
        definition.channels.first { $0.value == name }?.key ?? ChannelName.own(name)
    }

    /// The channel of a value that also holds the symbol: `trade` of `trade.BTC-USD`.
    private func withoutSymbol(_ name: String, _ symbol: String) -> String {
        guard let joint = definition.joint else { return name }
        if joint.isChannelFirst {
            let tail = joint.separator + symbol
            return name.hasSuffix(tail) && name != tail ? String(name.dropLast(tail.count)) : name
        }
        let head = symbol + joint.separator
        return name.hasPrefix(head) && name != head ? String(name.dropFirst(head.count)) : name
    }

    /// Channel and symbol of a value that joins them. Known channel names decide; else the separator that is nearest to the symbol.
    private func split(_ name: String, _ joint: DialectDefinition.Joint) -> Topic? {
        let separator = joint.separator
        for (word, native) in definition.channels.sorted(by: { $0.value.count > $1.value.count }) {
            if joint.isChannelFirst, name.hasPrefix(native + separator) {
                return Topic(channel: word, symbol: String(name.dropFirst(native.count + separator.count)))
            }
            if !joint.isChannelFirst, name.hasSuffix(separator + native) {
                return Topic(channel: word, symbol: String(name.dropLast(native.count + separator.count)))
            }
        }
        let marks = name.ranges(of: separator)
        guard let mark = joint.isChannelFirst ? marks.last : marks.first else { return nil }
        let (head, tail) = (String(name[..<mark.lowerBound]), String(name[mark.upperBound...]))
        guard !head.isEmpty, !tail.isEmpty else { return nil }
        return joint.isChannelFirst ? Topic(channel: word(head), symbol: tail) : Topic(channel: word(tail), symbol: head)
    }
}

extension UnsafeRawBufferPointer {
    /// Whether the bytes of `text` stand anywhere in the message.
    fileprivate func holds(_ text: [UInt8]) -> Bool {
        guard let baseAddress, let first = text.first else { return text.isEmpty }
        return text.withUnsafeBytes { wanted in
            guard let start = wanted.baseAddress else { return true }
            var index = 0
            while index + wanted.count <= count {
                // The last place where the text still fits bounds the search for its first byte.
                guard let found = memchr(baseAddress + index, Int32(first), count - wanted.count - index + 1) else { return false }
                if equalBytes(found, start, wanted.count) { return true }
                index = UnsafeRawPointer(found) - baseAddress + 1
            }
            return false
        }
    }
}
