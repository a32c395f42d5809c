package import ColonyExchanges
import Coordination
import NIOCore
package import WebSocketClient

/// The packet path of one connection: websocket message -> dialect -> ring -> publisher, on one event loop, without a hop or a lock.
package final class FeedPath: SessionPath {
    // Here and below, what every packet touches is unchecked: it is on the event loop only, and no access to it calls back into the path.
    @exclusivity(unchecked) private var reader: any DialectReader
    @exclusivity(unchecked) private var router = StreamRouter()
    /// The topics met on this connection: by slot where each has a stream of its own, else by name.
    private var metSlots: Set<Int32> = []
    private var metTopics: [Topic: Int] = [:]
    private let publisher: Publisher
    private let compression: ExchangeProfile.Compression
    private let routing: Routing
    private let inflateLimit: Int
    private var inflater: Inflater?
    private var inflated = ByteBuffer()
    private static let keptBytes = 1 << 20
    private unowned let owner: any SessionPathOwner
    /// Redis' clock minus the local one, nanoseconds.
    package var clockOffset: Int64
    // The clocks are read once per burst.
    @exclusivity(unchecked) private var burstLocal: Int64 = 0
    @exclusivity(unchecked) private var burstWall: Int64 = 0
    @exclusivity(unchecked) private var burstMilliseconds: Int64 = 0
    /// Local time of the last frame of any kind and of the last data, nanoseconds.
    package private(set) var lastFrame: Int64
    @exclusivity(unchecked) package private(set) var lastData: Int64 = 0
    @exclusivity(unchecked) package private(set) var messages = 0
    package private(set) var malformed = 0
    /// The last message that was no packet, for reports: at most 1,000 bytes.
    package private(set) var lastReceived = ""
    /// Of the attempt that opened it, among those of its feed.
    package var number = 0
    private var isGreeted = false
    private var hasControlFrames = false
    package var heard: KeepAlive.Heard { messages > 0 ? .messages : hasControlFrames ? .controlFrames : .nothing }
    /// False once the connection is being given up: what still arrives belongs to no epoch.
    @exclusivity(unchecked) package var isActive = true
    private let maximumStreams = 100_000

    init(
        configuration: FeedConfiguration, publisher: Publisher, clockOffset: Int64, owner: any SessionPathOwner
    ) {
        self.reader = configuration.dialect.openReader()
        self.publisher = publisher
        self.compression = configuration.dialect.profile.compression
        self.routing = configuration.routing
        self.inflateLimit = configuration.webSocket.maxMessageBytes
        self.clockOffset = clockOffset
        self.owner = owner
        self.lastFrame = LocalTime.now().nanoseconds
    }

    // MARK: WebSocketDelegate

    package func webSocketReceived(_ kind: WebSocketMessageKind, _ payload: UnsafeRawBufferPointer) {
        guard isActive else { return }
        if burstLocal == 0 { beginBurst() }
        messages &+= 1
        if compression == .none || kind == .text { return read(payload, isText: kind == .text) }
        inflate(payload)
    }

    package func webSocketBurstEnded() {
        burstLocal = 0
        publisher.send()
    }

    package func webSocketReceivedPing(_ payload: UnsafeRawBufferPointer) {
        lastFrame = LocalTime.now().nanoseconds
        hasControlFrames = true
        owner.receivedPing()
    }

    package func webSocketReceivedPong(_ payload: UnsafeRawBufferPointer) {
        lastFrame = LocalTime.now().nanoseconds
        hasControlFrames = true
        owner.receivedPong()
    }

    package func webSocketClosed(_ reason: WebSocketCloseReason) { owner.closed(reason, on: self) }

    package func prepare(_ request: inout Request) { reader.prepare(&request) }

    // MARK: Reading

    package func readingResumed() { lastFrame = LocalTime.now().nanoseconds }

    private func beginBurst() {
        burstLocal = LocalTime.now().nanoseconds
        burstWall = WallClock.nanoseconds()
        burstMilliseconds = (burstLocal &+ clockOffset) / 1_000_000
        lastFrame = burstLocal
    }

    private func read(_ message: UnsafeRawBufferPointer, isText: Bool) {
        switch reader.read(message, isText: isText) {
        case .packet(let route):
            let slot = router.slot(of: route, in: message) ?? learn(route, message)
            packet(slot, message)
        case .unrouted:
            packet(0, message)
        case .heartbeat:
            note(message)
            if !isGreeted {
                isGreeted = true
                owner.receivedGreeting()
            }
        case .reply(let answer):
            note(message)
            owner.owes(answer)
        case .ack(let answer):
            note(message)
            append(0, message)
            owner.received(answer)
        case .notice(let notice):
            note(message)
            append(0, message)
            owner.received(notice)
        case .malformed(let reason):
            note(message)
            malformed &+= 1
            append(0, message)
            owner.receivedMalformed(reason, text: lastReceived)
        }
    }

    @inline(__always)
    private func packet(_ slot: Int, _ message: UnsafeRawBufferPointer) {
        if lastData == 0 { owner.receivedData() }
        lastData = burstLocal
        append(slot, message)
    }

    @inline(__always)
    private func append(_ slot: Int, _ message: UnsafeRawBufferPointer) {
        publisher.append(slot: slot, payload: message, milliseconds: burstMilliseconds, time: burstWall, now: burstLocal)
    }

    /// The slot of a route met for the first time on this connection.
    private func learn(_ route: Route, _ message: UnsafeRawBufferPointer) -> Int {
        guard router.count < maximumStreams, let topic = reader.topic(of: route, in: message), topic.namesStream else { return 0 }
        let slot =
            switch routing {
            case .symbol: publisher.table.slot(of: topic)
            case .channel: publisher.table.slot(of: Topic(channel: topic.channel, symbol: Topic.allSymbols))
            case .feed: 0
            }
        router.remember(slot, for: route, in: message)
        let isNew = routing == .symbol ? metSlots.insert(Int32(slot)).inserted : metTopics.updateValue(slot, forKey: topic) == nil
        if isNew { owner.received(firstOf: topic) }
        return slot
    }

    /// Local time of the topic's last packet on this connection, nanoseconds; nil: there was none. Where several topics share a stream, the stream's.
    package func lastReceived(_ topic: Topic) -> Int64? {
        if routing != .symbol { return metTopics[topic].map { publisher.table.slots[$0].lastReceived } }
        guard let slot = publisher.table.known(topic), metSlots.contains(Int32(slot)) else { return nil }
        return publisher.table.slots[slot].lastReceived
    }

    private func inflate(_ payload: UnsafeRawBufferPointer) {
        do {
            let inflater = try inflater ?? Inflater(compression == .gzip ? .gzip : .raw)
            self.inflater = inflater
            // One large message must not keep its memory for the life of the connection.
            if inflated.capacity > Self.keptBytes { inflated = ByteBuffer() } else { inflated.clear() }
            try inflater.inflate(payload, limit: inflateLimit, into: &inflated)
        } catch {
            malformed &+= 1
            append(0, payload)
            lastReceived = "\(payload.count) bytes that do not inflate"
            return owner.receivedMalformed("\(compression) payload cannot be inflated: \(error)", text: lastReceived)
        }
        inflated.withUnsafeReadableBytes { read($0, isText: true) }
    }

    private func note(_ message: UnsafeRawBufferPointer) {
        lastReceived = String(decoding: message.prefix(1000), as: UTF8.self)
    }
}
