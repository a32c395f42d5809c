internal import ColonyExchanges
internal import NIOCore

/// The fastest source: frames encoded beforehand, for benchmarks.
///
/// Every message is a data message of the client's subscriptions in turn, filled up with space to `bytes`. Its number is unique: exchanges
/// that do not pack get a fresh number in every frame; those that do (gzip) get 1,024 different frames again and again. Under TLS every
/// message is a record of its own. The truth log has one `source` line per socket instead of a line per message.
package struct SourcePlan: Sendable {
    package enum Numbers: String, Sendable, CaseIterable {
        /// Socket number times 10^12, plus a counter from 1.
        case counter
        /// 10^18 plus CLOCK_BOOTTIME in nanoseconds of the sending: a reader on the same host can tell the latency.
        case bootTime = "boot-time"
    }

    package var exchange: String
    /// Payload of a message.
    package var bytes: Int
    /// Messages per second and socket; nil: as many as the client takes.
    package var rate: Double?
    /// The number of messages per socket; nil: no end.
    package var count: UInt64?
    package var numbers: Numbers
    /// `loop` is the same as `idle`.
    package var end: ProgramEnd

    package init(
        exchange: String, bytes: Int, rate: Double? = nil, count: UInt64? = nil, numbers: Numbers = .counter, end: ProgramEnd = .idle
    ) {
        self.exchange = exchange
        self.bytes = bytes
        self.rate = rate
        self.count = count
        self.numbers = numbers
        self.end = end
    }
}

struct SourceProgram: SocketProgram {
    /// Frames of one subscription: with a place for the number, or ready-made.
    private enum Template {
        case patched(frame: [UInt8], number: [Int])
        case ready([[UInt8]])
    }

    private let plan: SourcePlan
    private let dialect: any ServerDialect
    private let packer: Packer
    private let base: UInt64
    /// One frame per buffer instead of as many as are due.
    private let isOnePerBuffer: Bool
    private var templates: [Template] = []
    private var turn = 0
    private var start: NIODeadline?
    private var count: UInt64 = 0
    private var last: UInt64 = 0
    private var firstNumber: UInt64 = 0
    private var isOver = false
    private(set) var failure: (any Error)?

    private static let bufferBytes = 32 << 10

    init(plan: SourcePlan, dialect: any ServerDialect, packer: Packer, socket: UInt64, isTLS: Bool) {
        self.plan = plan
        self.dialect = dialect
        self.packer = packer
        isOnePerBuffer = isTLS
        base = plan.numbers == .counter ? socket * 1_000_000_000_000 : 1_000_000_000_000_000_000
    }

    var sent: SourceTotals? { count == 0 ? nil : SourceTotals(first: firstNumber, last: last, count: count) }

    mutating func began(now: NIODeadline) {}

    mutating func subscribed(_ subscription: Subscription, _ socket: SocketView) {
        var walk = RandomWalk(seed: 1, exchange: dialect.exchange, symbol: subscription.topic.symbol)
        func payload(_ number: UInt64) -> [UInt8] {
            let tick = walk.step(number: number, previous: number - 1, wallMilliseconds: socket.wallMilliseconds)
            var bytes = dialect.data(subscription, tick, socket).bytes
            if bytes.count < plan.bytes { bytes.append(contentsOf: repeatElement(0x20, count: plan.bytes - bytes.count)) }
            return bytes
        }
        if packer.packing == .none {
            let placeholder = base + 123_456_789_012
            let message = payload(placeholder)
            let digits = Array(String(placeholder).utf8)
            let header = Self.header(message.count, isText: true)
            let frame = header + message
            let places = frame.indices.dropLast(digits.count - 1).filter { frame[$0..<$0 + digits.count].elementsEqual(digits) }
            templates.append(.patched(frame: frame, number: Array(places)))
        } else {
            do {
                templates.append(
                    .ready(
                        try (1...1024).map { index in
                            let packed = try packer.pack(payload(base + UInt64(index)), allocator: ByteBufferAllocator())
                            return Self.header(packed.readableBytes, isText: false) + Array(packed.readableBytesView)
                        }))
            } catch {
                failure = error
                isOver = true
            }
        }
    }

    mutating func next(now: NIODeadline, boot: Int64) -> ProgramItem? {
        guard !isOver, !templates.isEmpty else { return nil }
        let start = start ?? now
        self.start = start
        var due = UInt64.max
        if let rate = plan.rate {
            let allowed = UInt64(Double((now - start).nanoseconds) / 1e9 * rate) + 1
            due = allowed > count ? allowed - count : 0
        }
        if let limit = plan.count {
            guard count < limit else {
                isOver = true
                return plan.end == .close ? .close : nil
            }
            due = min(due, limit - count)
        }
        guard due > 0 else { return nil }
        var buffer = ByteBuffer()
        if !isOnePerBuffer { buffer.reserveCapacity(Self.bufferBytes + plan.bytes + 1024) }
        repeat {
            append(boot, to: &buffer)
            due -= 1
        } while !isOnePerBuffer && due > 0 && buffer.readableBytes < Self.bufferBytes
        return .frames(buffer, last: last)
    }

    func wakeUp(now: NIODeadline) -> NIODeadline? {
        guard !isOver, !templates.isEmpty, let rate = plan.rate, let start else { return isOver || templates.isEmpty ? nil : now }
        if let limit = plan.count, count >= limit { return now }
        return start + .nanoseconds(Int64((Double(count) / rate * 1e9).rounded(.up)))
    }

    private mutating func append(_ boot: Int64, to buffer: inout ByteBuffer) {
        count += 1
        let number = plan.numbers == .counter ? base + count : max(last + 1, base + UInt64(clamping: boot))
        if count == 1 { firstNumber = number }
        last = number
        turn = (turn + 1) % templates.count
        switch templates[turn] {
        case .ready(let frames): buffer.writeBytes(frames[Int(count % UInt64(frames.count))])
        case .patched(let frame, let places):
            let start = buffer.writerIndex
            buffer.writeBytes(frame)
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
                var rest = number
                var length = 0
                repeat {
                    digits[19 - length] = UInt8(truncatingIfNeeded: rest % 10) + UInt8(ascii: "0")
                    rest /= 10
                    length += 1
                } while rest > 0
                for place in places {
                    buffer.setBytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(digits)[(20 - length)...]), at: start + place)
                }
            }
        }
    }

    /// The header of an unmasked frame (RFC 6455 5.2).
    private static func header(_ count: Int, isText: Bool) -> [UInt8] {
        let first: UInt8 = isText ? 0x81 : 0x82
        switch count {
        case ..<126: return [first, UInt8(count)]
        case ..<65_536: return [first, 126, UInt8(count >> 8), UInt8(count & 0xFF)]
        default: return [first, 127] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) }
        }
    }
}
