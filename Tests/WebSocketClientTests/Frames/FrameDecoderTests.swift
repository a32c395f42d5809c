import Testing

@testable import WebSocketClient

/// A decoder's event, copied out of its memory.
enum Decoded: Equatable, Sendable {
    case message(WebSocketMessageKind, [UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(UInt16, String)
    case violation(UInt16)

    /// Feeds the pieces one after another.
    static func all(_ pieces: [[UInt8]], limit: Int = 1 << 20, inflation: Inflation? = nil) -> [Decoded] {
        var decoder = FrameDecoder(maxMessageBytes: limit, inflation: inflation)
        var events: [Decoded] = []
        for piece in pieces { events += feed(piece, to: &decoder) }
        return events
    }

    static func feed(_ bytes: [UInt8], to decoder: inout FrameDecoder) -> [Decoded] {
        var events: [Decoded] = []
        bytes.withUnsafeBytes { bytes in
            var cursor = 0
            while true {
                switch decoder.next(bytes, &cursor) {
                case .needsMore: return
                case .message(let kind, let payload): events.append(.message(kind, Array(payload)))
                case .ping(let payload): events.append(.ping(Array(payload)))
                case .pong(let payload): events.append(.pong(Array(payload)))
                case .close(let code, let text): events.append(.close(code, text))
                case .violation(let violation): events.append(.violation(violation.code))
                }
            }
        }
        return events
    }
}

@Suite struct FrameDecoderTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
        var events: [Decoded]

        init(_ name: String, _ frames: [[UInt8]], _ events: [Decoded]) {
            testDescription = name
            bytes = frames.flatMap { $0 }
            self.events = events
        }
    }

    private static let euro = Array("\u{20ac}".utf8)
    private static let long = [UInt8](repeating: 0x61, count: 70_000)

    static let cases: [Case] = [
        Case("text", [Frame.text("hi")], [.message(.text, [0x68, 0x69])]),
        Case("empty text", [Frame.text("")], [.message(.text, [])]),
        Case("binary that is no text", [Frame.binary([0xff, 0xfe])], [.message(.binary, [0xff, 0xfe])]),
        Case(
            "length of 16 bits", [Frame.binary([UInt8](repeating: 7, count: 300))], [.message(.binary, [UInt8](repeating: 7, count: 300))]),
        Case("length of 64 bits", [Frame.text(long)], [.message(.text, long)]),
        Case(
            "several in a row", [Frame.text("a"), Frame.binary([1]), Frame.text("b")],
            [.message(.text, [0x61]), .message(.binary, [1]), .message(.text, [0x62])]),
        Case(
            "fragments", [Frame.text("a", fin: false), Frame.continuation("b"), Frame.continuation("c", fin: true)],
            [.message(.text, [0x61, 0x62, 0x63])]),
        Case(
            "empty fragments", [Frame.text("", fin: false), Frame.continuation(""), Frame.continuation("", fin: true)],
            [.message(.text, [])]),
        Case(
            "control frames between fragments",
            [Frame.binary([1], fin: false), Frame.ping("p"), Frame.continuation([2]), Frame.pong("q"), Frame.continuation([3], fin: true)],
            [.ping([0x70]), .pong([0x71]), .message(.binary, [1, 2, 3])]
        ),
        Case(
            "a character cut by fragments",
            [Frame.text([euro[0]], fin: false), Frame.continuation([euro[1]]), Frame.continuation([euro[2]], fin: true)],
            [.message(.text, euro)]
        ),
        Case("close without payload", [Frame.close()], [.close(1005, "")]),
        Case("close with code and text", [Frame.close(1001, "bye")], [.close(1001, "bye")]),
        Case("nothing behind a close", [Frame.close(1000), Frame.text("late"), [0xff]], [.close(1000, "")]),
        Case("nothing behind a violation", [Frame.make(3, []), Frame.text("late")], [.violation(1002)]),
        Case("masked", [[0x81, 0x81, 0, 0, 0, 0, 0x61]], [.violation(1002)]),
        Case("reserved bit 1 without compression", [Frame.make(1, [0x61], rsv: 4)], [.violation(1002)]),
        Case("reserved bit 2", [Frame.make(1, [0x61], rsv: 2)], [.violation(1002)]),
        Case("reserved bit 3", [Frame.make(2, [], rsv: 1)], [.violation(1002)]),
        Case("fragmented ping", [Frame.make(9, [], fin: false)], [.violation(1002)]),
        Case("ping of 126 bytes", [Frame.make(9, [UInt8](repeating: 0, count: 126))], [.violation(1002)]),
        Case("close of one byte", [Frame.make(8, [3])], [.violation(1002)]),
        Case("close text that is not UTF-8", [Frame.make(8, [0x03, 0xe8, 0xff])], [.violation(1007)]),
        Case("continuation of nothing", [Frame.continuation("a", fin: true)], [.violation(1002)]),
        Case(
            "continuation after the end", [Frame.text("a"), Frame.continuation("b", fin: true)],
            [.message(.text, [0x61]), .violation(1002)]),
        Case("a message inside a message", [Frame.text("a", fin: false), Frame.text("b")], [.violation(1002)]),
        Case("16 bits for a short length", [[0x82, 126, 0, 125]], [.violation(1002)]),
        Case("64 bits for a short length", [[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]], [.violation(1002)]),
        Case("highest bit of a length", [[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]], [.violation(1002)]),
        Case("too large, by its header alone", [[0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 1]], [.violation(1009)]),
        Case("invalid text", [Frame.text([0x61, 0xff])], [.violation(1007)]),
        Case("text that ends inside a character", [Frame.text([euro[0], euro[1]])], [.violation(1007)]),
        Case(
            "text that ends inside a character over fragments",
            [Frame.text([euro[0]], fin: false), Frame.continuation([euro[1]], fin: true)], [.violation(1007)]),
        Case("a surrogate", [Frame.text([0xed, 0xa0, 0x80])], [.violation(1007)]),
    ]

    @Test("A stream of frames gives the same events in one piece, byte by byte and cut anywhere", arguments: cases)
    func decodes(row: Case) {
        #expect(Decoded.all([row.bytes]) == row.events)
        if row.bytes.count < 1000 { #expect(Decoded.all(row.bytes.map { [$0] }) == row.events, "byte by byte") }
        for split in stride(from: 1, to: row.bytes.count, by: max(1, row.bytes.count / 97)) {
            #expect(Decoded.all([Array(row.bytes[..<split]), Array(row.bytes[split...])]) == row.events, "cut at \(split)")
        }
    }

    @Test("Each reserved opcode is a violation", arguments: [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8])
    func refusesReservedOpcodes(opcode: UInt8) {
        #expect(Decoded.all([Frame.make(opcode, [])]) == [.violation(1002)])
        #expect(Decoded.all([[0x80 | opcode, 5]]) == [.violation(1002)], "seen before the payload")
    }

    @Test("Close codes are let through or refused as the registry says")
    func judgesCloseCodes() {
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] as [UInt16] {
            #expect(Decoded.all([Frame.close(code, "x")]) == [.close(code, "x")])
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] as [UInt16] {
            #expect(Decoded.all([Frame.close(code)]) == [.violation(1002)], "\(code)")
        }
    }

    @Test("Invalid text is refused inside a frame, at the byte that shows it")
    func failsFast() {
        var decoder = FrameDecoder(maxMessageBytes: 1000)
        #expect(Decoded.feed([0x81, 100] + Array("good".utf8), to: &decoder) == [])
        #expect(Decoded.feed([0xf4], to: &decoder) == [])
        #expect(Decoded.feed([0x90], to: &decoder) == [.violation(1007)])
    }

    @Test("The limit holds for one frame and for the sum of fragments, and is itself allowed")
    func limitsMessages() {
        let half = [UInt8](repeating: 1, count: 500)
        #expect(Decoded.all([Frame.binary(half + half)], limit: 1000) == [.message(.binary, half + half)])
        #expect(Decoded.all([Frame.binary(half + half + [1])], limit: 1000) == [.violation(1009)])
        let start = Frame.binary(half, fin: false) + Frame.continuation(half)
        #expect(Decoded.all([start + Frame.continuation([], fin: true)], limit: 1000) == [.message(.binary, half + half)])
        #expect(Decoded.all([start + [0x80, 1]], limit: 1000) == [.violation(1009)])
    }

    @Test("A message that lies whole in the read is given out where it lies")
    func copiesNothing() {
        let bytes = Frame.text("first") + Frame.binary([UInt8](repeating: 9, count: 5000)) + Frame.ping("p") + Frame.text("cut").dropLast()
        bytes.withUnsafeBytes { bytes in
            var decoder = FrameDecoder(maxMessageBytes: 1 << 20)
            var cursor = 0
            var inPlace = 0
            while true {
                switch decoder.next(bytes, &cursor) {
                case .message(_, let payload), .ping(let payload):
                    let start = UInt(bitPattern: payload.baseAddress)
                    let whole = UInt(bitPattern: bytes.baseAddress)
                    #expect(start >= whole && start + UInt(payload.count) <= whole + UInt(bytes.count))
                    inPlace += 1
                case .needsMore:
                    #expect(inPlace == 3)
                    return
                default: Issue.record("unexpected event")
                }
            }
        }
    }

    @Test("A header that announces much does not make the decoder allocate it")
    func growsWithTheData() {
        var store = MessageStore()
        store.expect(1 << 30)
        #expect(store.capacity <= MessageStore.trustedBytes + 4096)
        for _ in 0..<100 { [UInt8](repeating: 1, count: 50_000).withUnsafeBytes { store.append($0) } }
        #expect(store.count == 5_000_000 && store.capacity < 11_000_000)
        store.clear()
        #expect(store.capacity == 0 && store.count == 0)
    }

    @Test("A random stream of messages, cut at random, comes out as it went in", arguments: 1...10)
    func survivesRandomCuts(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var bytes: [UInt8] = []
        var expected: [Decoded] = []
        for _ in 0..<200 {
            let payload = (0..<Int.random(in: 0...400, using: &random)).map { _ in UInt8.random(in: 0...127, using: &random) }
            let isText = Bool.random(using: &random)
            expected.append(.message(isText ? .text : .binary, payload))
            let parts = Int.random(in: 1...4, using: &random)
            for part in 0..<parts {
                let piece = Array(payload[(payload.count * part / parts)..<(payload.count * (part + 1) / parts)])
                bytes += Frame.make(part > 0 ? 0 : isText ? 1 : 2, piece, fin: part == parts - 1)
                if Int.random(in: 0..<5, using: &random) == 0 {
                    bytes += Frame.ping("x")
                    expected.insert(.ping([0x78]), at: part == parts - 1 ? expected.count : expected.count - 1)
                }
            }
        }
        var pieces: [[UInt8]] = []
        while !bytes.isEmpty {
            let count = min(bytes.count, Int.random(in: 1...700, using: &random))
            pieces.append(Array(bytes.prefix(count)))
            bytes.removeFirst(count)
        }
        #expect(Decoded.all(pieces) == expected, "seed \(seed)")
    }
}
