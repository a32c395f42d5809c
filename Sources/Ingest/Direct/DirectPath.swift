import ColonyExchanges
import Coordination
import NIOCore
package import WebSocketClient

/// What a `DirectFeed` hears from the messages of one connection.
protocol DirectPathOwner: AnyObject {
    /// Nil: the packet belongs to no stream the dialect can name.
    func received(_ payload: UnsafeRawBufferPointer, of topic: Topic?, wallNanoseconds: Int64)
    func received(firstOf topic: Topic)
    func receivedGreeting()
    func received(_ answer: Acknowledgement)
    func received(_ notice: Notice)
    func owes(_ message: OutgoingMessage)
    func receivedMalformed(_ reason: String, text: String)
    func receivedPong()
    func receivedPing()
    func burstEnded()
    func closed(_ reason: WebSocketCloseReason, on path: DirectPath)
}

/// Reads the messages of one connection with its dialect and hands the packets on, each with its topic.
package final class DirectPath: WebSocketDelegate {
    private var reader: any DialectReader
    private var router = StreamRouter()
    /// The streams of this connection, by the numbers the router knows them by.
    private var streams: [(topic: Topic, lastReceived: Int64)] = []
    private var numbers: [Topic: Int] = [:]
    private let compression: ExchangeProfile.Compression
    private let inflateLimit: Int
    private var inflater: Inflater?
    private var inflated = ByteBuffer()
    private unowned let owner: any DirectPathOwner
    /// Local time of the last frame of any kind and of the last data, nanoseconds; 0: none.
    private(set) var lastFrame: Int64
    private(set) var lastData: Int64 = 0
    /// The last message that was no packet, for reports: at most 1,000 bytes.
    private(set) var lastReceived = ""
    private var isGreeted = false
    /// False once the connection is being given up.
    var isActive = true

    private static let maximumStreams = 100_000

    init(_ configuration: DirectConfiguration, owner: any DirectPathOwner) {
        reader = configuration.dialect.openReader()
        compression = configuration.dialect.profile.compression
        inflateLimit = configuration.webSocket.maxMessageBytes
        self.owner = owner
        lastFrame = LocalTime.now().nanoseconds
    }

    /// Lets the connection's reader see a request, and fill in what only the connection knows.
    func prepare(_ request: inout Request) { reader.prepare(&request) }

    /// Local time of the topic's last packet on this connection; nil: there was none.
    func lastReceived(_ topic: Topic) -> LocalTime? { numbers[topic].map { LocalTime(nanoseconds: streams[$0].lastReceived) } }

    /// Reading was withheld by us: the silence until now says nothing.
    func readingResumed() { lastFrame = LocalTime.now().nanoseconds }

    // MARK: WebSocketDelegate

    package func webSocketReceived(_ kind: WebSocketMessageKind, _ payload: UnsafeRawBufferPointer) {
        guard isActive else { return }
        lastFrame = LocalTime.now().nanoseconds
        if compression == .none || kind == .text { return read(payload, isText: kind == .text) }
        do {
            let inflater = try inflater ?? Inflater(compression == .gzip ? .gzip : .raw)
            self.inflater = inflater
            inflated.clear()
            try inflater.inflate(payload, limit: inflateLimit, into: &inflated)
        } catch {
            lastReceived = "\(payload.count) bytes that do not inflate"
            return owner.receivedMalformed("\(compression) payload cannot be inflated: \(error)", text: lastReceived)
        }
        inflated.withUnsafeReadableBytes { read($0, isText: true) }
    }

    package func webSocketBurstEnded() { owner.burstEnded() }

    package func webSocketReceivedPing(_ payload: UnsafeRawBufferPointer) {
        lastFrame = LocalTime.now().nanoseconds
        owner.receivedPing()
    }

    package func webSocketReceivedPong(_ payload: UnsafeRawBufferPointer) {
        lastFrame = LocalTime.now().nanoseconds
        owner.receivedPong()
    }

    package func webSocketClosed(_ reason: WebSocketCloseReason) { owner.closed(reason, on: self) }

    // MARK: Reading

    private func read(_ message: UnsafeRawBufferPointer, isText: Bool) {
        switch reader.read(message, isText: isText) {
        case .packet(let route):
            guard let number = router.slot(of: route, in: message) ?? learn(route, message) else { return packet(message, nil) }
            streams[number].lastReceived = lastFrame
            packet(message, streams[number].topic)
        case .unrouted: packet(message, nil)
        case .heartbeat:
            note(message)
            guard !isGreeted else { return }
            isGreeted = true
            owner.receivedGreeting()
        case .reply(let answer):
            note(message)
            owner.owes(answer)
        case .ack(let answer):
            note(message)
            owner.received(answer)
        case .notice(let notice):
            note(message)
            owner.received(notice)
        case .malformed(let reason):
            note(message)
            owner.receivedMalformed(reason, text: lastReceived)
        }
    }

    private func packet(_ message: UnsafeRawBufferPointer, _ topic: Topic?) {
        lastData = lastFrame
        owner.received(message, of: topic, wallNanoseconds: WallClock.nanoseconds())
    }

    /// The number of a route met for the first time on this connection; nil where it names no stream.
    private func learn(_ route: Route, _ message: UnsafeRawBufferPointer) -> Int? {
        guard router.count < Self.maximumStreams, let topic = reader.topic(of: route, in: message), topic.namesStream else { return nil }
        if let known = numbers[topic] {
            router.remember(known, for: route, in: message)
            return known
        }
        let number = streams.count
        streams.append((topic, lastFrame))
        numbers[topic] = number
        router.remember(number, for: route, in: message)
        owner.received(firstOf: topic)
        return number
    }

    private func note(_ message: UnsafeRawBufferPointer) {
        lastReceived = String(decoding: message.prefix(1000), as: UTF8.self)
    }
}
