import ColonyExchanges
import Foundation

/// One connection's reader, fed by hand: what a message means, with its stream spelled out.
struct Connection {
    enum Meaning: Equatable {
        case packet(Topic)
        /// Market data without a stream of its own.
        case unrouted
        case reply(OutgoingMessage)
        case ack(Acknowledgement)
        case heartbeat
        case notice(Notice)
        case malformed(String)

        var isMalformed: Bool { if case .malformed = self { true } else { false } }
    }

    let dialect: any Dialect
    private var reader: any DialectReader

    init(_ id: String) throws {
        self.init(try Exchanges.dialect(id))
    }

    init(_ dialect: any Dialect) {
        self.dialect = dialect
        reader = dialect.makeReader()
    }

    mutating func read(_ text: String) -> Meaning { read(Array(text.utf8)) }

    mutating func read(_ bytes: [UInt8], isText: Bool = true) -> Meaning {
        bytes.withUnsafeBytes { message in
            switch reader.read(message, isText: isText) {
            case .packet(let route):
                return reader.topic(of: route, in: message).map(Meaning.packet) ?? .unrouted
            case .unrouted: return .unrouted
            case .reply(let answer): return .reply(answer)
            case .ack(let acknowledgement): return .ack(acknowledgement)
            case .heartbeat: return .heartbeat
            case .notice(let notice): return .notice(notice)
            case .malformed(let reason): return .malformed(reason)
            }
        }
    }

    /// The bytes that name the stream of a packet, as the packet path compares them.
    mutating func streamKey(_ text: String) -> [UInt8]? {
        Array(text.utf8).withUnsafeBytes { message in
            guard case .packet(let route) = reader.read(message, isText: true) else { return nil }
            return [route.tag] + message[route.first] + [0] + message[route.second]
        }
    }

    /// Subscribes as the packet path does: canonical topics, requests told to the reader. Gives the texts sent.
    mutating func subscribe(_ topics: Topic..., firstID: Int = 1) throws -> [String] {
        send(dialect.subscribe(try topics.map(dialect.canonical), firstID: firstID))
    }

    /// Unsubscribes as the packet path does. Gives the texts sent.
    mutating func unsubscribe(_ topics: Topic..., firstID: Int = 1) -> [String] {
        send(dialect.unsubscribe(topics, remaining: [], firstID: firstID))
    }

    @discardableResult
    mutating func send(_ requests: [Request]) -> [String] {
        requests.compactMap { request in
            var request = request
            reader.prepare(&request)
            return if case .text(let text) = request.message { text } else { nil }
        }
    }
}

extension Topic {
    init(_ channel: String, _ symbol: String) { self.init(channel: channel, symbol: symbol) }
}

extension Dialect {
    func canonical(_ channel: String, _ symbol: String) throws -> Topic { try canonical(Topic(channel, symbol)) }
}

/// A text parsed by an independent JSON reader.
func json(_ text: String) throws -> Any {
    try JSONSerialization.jsonObject(with: Data(text.utf8), options: [.fragmentsAllowed])
}
