import ColonyExchanges
import Coordination
import NIOCore
import WebSocketClient

/// Takes the packets of one connection.
protocol DirectPathReceiver: AnyObject {
    /// Nil: the packet belongs to no stream the dialect can name.
    func received(_ payload: UnsafeRawBufferPointer, of topic: Topic?, wallNanoseconds: Int64)
}

/// Reads the messages of one connection with its dialect and hands the packets on, each with its topic.
final class DirectPath: SessionPath {
    private var reader: any DialectReader
    private var router = StreamRouter()
    /// The streams of this connection, by the numbers the router knows them by.
    private var streams: [(topic: Topic, lastReceived: Int64)] = []
    private var numbers: [Topic: Int] = [:]
    private let compression: ExchangeProfile.Compression
    private let inflateLimit: Int
    private var inflater: Inflater?
    private var inflated = ByteBuffer()
    private unowned let owner: any SessionPathOwner
    private unowned let receiver: any DirectPathReceiver
    private(set) var lastFrame: Int64
    private(set) var lastData: Int64 = 0
    private(set) var lastReceived = ""
    private var isGreeted = false
    private(set) var heard = KeepAlive.Heard.nothing
    var isActive = true

    private static let maximumStreams = 100_000

    init(_ configuration: DirectConfiguration, owner: any SessionPathOwner, receiver: any DirectPathReceiver) {
        reader = configuration.dialect.openReader()
        compression = configuration.dialect.profile.compression
        inflateLimit = configuration.webSocket.maxMessageBytes
        self.owner = owner
        self.receiver = receiver
        lastFrame = LocalTime.now().nanoseconds
    }

    func prepare(_ request: inout Request) { reader.prepare(&request) }

    func lastReceived(_ topic: Topic) -> Int64? { numbers[topic].map { streams[$0].lastReceived } }

    func readingResumed() { lastFrame = LocalTime.now().nanoseconds }

    // MARK: WebSocketDelegate

    func webSocketReceived(_ kind: WebSocketMessageKind, _ payload: UnsafeRawBufferPointer) {
        guard isActive else { return }
        lastFrame = LocalTime.now().nanoseconds
        heard = .messages
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

    func webSocketBurstEnded() {}

    func webSocketReceivedPing(_ payload: UnsafeRawBufferPointer) {
        lastFrame = LocalTime.now().nanoseconds
        if heard == .nothing { heard = .controlFrames }
        owner.receivedPing()
    }

    func webSocketReceivedPong(_ payload: UnsafeRawBufferPointer) {
        lastFrame = LocalTime.now().nanoseconds
        if heard == .nothing { heard = .controlFrames }
        owner.receivedPong()
    }

    func webSocketClosed(_ reason: WebSocketCloseReason) { owner.closed(reason, on: self) }

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
        if lastData == 0 { owner.receivedData() }
        lastData = lastFrame
        receiver.received(message, of: topic, wallNanoseconds: WallClock.nanoseconds())
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
