import NIOCore
import Testing

@testable import WebSocketClient

@Suite struct InflaterTests {
    static let payloads: [[UInt8]] = [
        [], [0x61], Array(#"{"ch":"market.btcusdt.trade.detail","ts":1763812345678}"#.utf8), [UInt8](repeating: 0x30, count: 100_000),
        (0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 2_654_435_761 >> 7) },
    ]

    private static func deflated(_ format: CompressionFormat, _ bytes: [UInt8]) throws -> [UInt8] {
        let deflater = try Deflater(format)
        var output = ByteBuffer()
        bytes.withUnsafeBytes { deflater.deflate($0, into: &output) }
        return Array(output.readableBytesView)
    }

    private static func inflated(_ inflater: Inflater, _ bytes: [UInt8], limit: Int = 1 << 24) throws -> [UInt8] {
        var output = ByteBuffer()
        try bytes.withUnsafeBytes { try inflater.inflate($0, limit: limit, into: &output) }
        return Array(output.readableBytesView)
    }

    private static func code(_ body: () throws -> Void) -> CompressionError.Code? {
        do { try body() } catch { return (error as? CompressionError)?.code }
        return nil
    }

    @Test("What was deflated inflates to what it was, message after message", arguments: [CompressionFormat.raw, .gzip, .zlib])
    func roundTrips(format: CompressionFormat) throws {
        let inflater = try Inflater(format)
        for payload in Self.payloads + Self.payloads {
            #expect(try Self.inflated(inflater, Self.deflated(format, payload)) == payload)
        }
    }

    @Test("A gzip member made by gzip inflates, and so do two in a row")
    func readsGzip() throws {
        // printf 'hello\n' | gzip -n
        let member: [UInt8] = [
            0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xe7, 0x02, 0x00, 0x20, 0x30, 0x3a,
            0x36, 0x06, 0x00,
            0x00, 0x00,
        ]
        let inflater = try Inflater(.gzip)
        #expect(try Self.inflated(inflater, member) == Array("hello\n".utf8))
        #expect(try Self.inflated(inflater, member + member) == Array("hello\nhello\n".utf8))
        #expect(Self.code { _ = try Self.inflated(inflater, member + [1, 2, 3]) } == .corrupt)
        var damaged = member
        damaged[19] ^= 1
        #expect(Self.code { _ = try Self.inflated(inflater, damaged) } == .corrupt, "the checksum is wrong")
        #expect(try Self.inflated(inflater, member) == Array("hello\n".utf8), "an error leaves nothing behind")
    }

    @Test("A message of a million final blocks is read without a copy of the window for each", .timeLimit(.minutes(1)))
    func survivesFinalBlocks() throws {
        let inflater = try Inflater(.raw)
        var output = ByteBuffer()
        let word = Array("context ".utf8)
        let deflater = try Deflater(.raw)
        var first = ByteBuffer()
        word.withUnsafeBytes { deflater.deflateMessage($0, into: &first) }
        try first.withUnsafeReadableBytes { try inflater.inflateMessage($0, limit: 100, into: &output) }
        // An empty final block in fixed codes, each padded to a whole number of bytes.
        let blocks = [UInt8](repeating: 0, count: 2_000_000).indices.map { $0 % 2 == 0 ? UInt8(3) : 0 }
        try blocks.withUnsafeBytes { try inflater.inflateMessage($0, limit: 100, into: &output) }
        var second = ByteBuffer()
        word.withUnsafeBytes { deflater.deflateMessage($0, into: &second) }
        #expect(second.readableBytes < first.readableBytes, "refers to the first")
        try second.withUnsafeReadableBytes { try inflater.inflateMessage($0, limit: 100, into: &output) }
        #expect(String(buffer: output) == "context context ")
    }

    @Test("What is appended leaves what the buffer had")
    func appends() throws {
        let inflater = try Inflater(.gzip)
        var output = ByteBuffer(string: "before ")
        try Self.deflated(.gzip, Array("after".utf8)).withUnsafeBytes { try inflater.inflate($0, limit: 5, into: &output) }
        #expect(String(buffer: output) == "before after")
    }

    @Test("A stream that is cut is truncated, garbage is corrupt", arguments: [CompressionFormat.gzip, .zlib])
    func refusesDamage(format: CompressionFormat) throws {
        let inflater = try Inflater(format)
        let whole = try Self.deflated(format, Array("some text to cut".utf8))
        for count in 0..<whole.count {
            #expect(Self.code { _ = try Self.inflated(inflater, Array(whole.prefix(count))) } == .truncated, "cut to \(count)")
        }
        #expect(Self.code { _ = try Self.inflated(inflater, Array("{\"plain\":\"json\"}".utf8)) } == .corrupt)
    }

    @Test("A raw stream may end flushed or finished, but not inside a block")
    func judgesRawEnds() throws {
        let inflater = try Inflater(.raw)
        let deflater = try Deflater(.raw)
        var flushed = ByteBuffer()
        Array("flushed".utf8).withUnsafeBytes { deflater.deflateMessage($0, into: &flushed) }
        let bytes = Array(flushed.readableBytesView)
        #expect(try Self.inflated(inflater, bytes + [0, 0, 0xff, 0xff]) == Array("flushed".utf8))
        #expect(Self.code { _ = try Self.inflated(inflater, Array(bytes.prefix(4))) } == .truncated)
    }

    @Test("The limit is allowed and one byte more is not; output stays near the limit")
    func limits() throws {
        let inflater = try Inflater(.gzip)
        let bytes = try Self.deflated(.gzip, [UInt8](repeating: 0x61, count: 1000))
        #expect(try Self.inflated(inflater, bytes, limit: 1000).count == 1000)
        #expect(Self.code { _ = try Self.inflated(inflater, bytes, limit: 999) } == .tooLarge)
        #expect(try Self.inflated(inflater, Self.deflated(.gzip, []), limit: 0).isEmpty)
        #expect(try Self.inflated(inflater, bytes, limit: .max).count == 1000)
        #expect(Self.code { _ = try Self.inflated(inflater, bytes, limit: -1) } == .tooLarge)
    }

    @Test("A bomb is stopped by its ratio long before the limit")
    func stopsBombs() throws {
        let bomb = try Self.deflated(.gzip, [UInt8](repeating: 0, count: 30 << 20))
        let inflater = try Inflater(.gzip)
        var output = ByteBuffer()
        #expect(Self.code { try bomb.withUnsafeBytes { try inflater.inflate($0, limit: 1 << 30, into: &output) } } == .tooLarge)
        #expect(output.readableBytes < 4 << 20)
    }
}

/// permessage-deflate payloads.
@Suite struct MessageDeflateTests {
    private static func inflate(_ inflater: Inflater, _ bytes: [UInt8], keepsContext: Bool = true) throws -> String {
        var output = ByteBuffer()
        try bytes.withUnsafeBytes { try inflater.inflateMessage($0, limit: 1 << 20, keepsContext: keepsContext, into: &output) }
        return String(buffer: output)
    }

    private static func deflate(_ deflater: Deflater, _ text: String, keepsContext: Bool = true) -> [UInt8] {
        var output = ByteBuffer()
        Array(text.utf8).withUnsafeBytes { deflater.deflateMessage($0, keepsContext: keepsContext, into: &output) }
        return Array(output.readableBytesView)
    }

    @Test("The examples of RFC 7692 section 7.2.3 inflate to Hello")
    func readsTheExamples() throws {
        let inflater = try Inflater(.raw)
        #expect(try Self.inflate(inflater, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]) == "Hello")
        #expect(try Self.inflate(inflater, [0xf2, 0x00, 0x11, 0x00, 0x00]) == "Hello", "by the window of the message before")
        #expect(
            try Self.inflate(Inflater(.raw), [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]) == "Hello",
            "a stored block")
        #expect(
            try Self.inflate(Inflater(.raw), [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]) == "Hello",
            "two blocks")
        #expect(try Self.inflate(Inflater(.raw), [0x00]) == "", "the empty message")
    }

    @Test("A final block ends no connection: the window lives on behind it")
    func survivesFinalBlocks() throws {
        let inflater = try Inflater(.raw)
        #expect(try Self.inflate(inflater, [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]) == "Hello")
        #expect(try Self.inflate(inflater, [0xf2, 0x00, 0x11, 0x00, 0x00]) == "Hello", "refers to the message before")
        #expect(try Self.inflate(inflater, [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]) == "Hello", "without the empty block")
        #expect(try Self.inflate(inflater, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]) == "Hello")
    }

    @Test("Every window round trips, with and without context", arguments: 8...15, [true, false])
    func roundTripsWindows(bits: Int, keepsContext: Bool) throws {
        // The inflater has exactly the window agreed on: a distance beyond it is an error.
        let inflater = try Inflater(.raw, windowBits: bits)
        let deflater = try Deflater(.raw, windowBits: bits, memoryLevel: 5)
        var random = SeededGenerator(seed: UInt64(bits))
        let word = (0..<100).map { _ in String(UInt8.random(in: 0...255, using: &random)) }.joined()
        for round in 0..<20 {
            let text = String(repeating: word + "\(round)", count: round % 5 + 1)
            #expect(
                try Self.inflate(inflater, Self.deflate(deflater, text, keepsContext: keepsContext), keepsContext: keepsContext) == text)
        }
        #expect(try Self.inflate(inflater, Self.deflate(deflater, "", keepsContext: keepsContext), keepsContext: keepsContext) == "")
    }

    @Test("Context makes the second message shorter; without it both are alike and stand alone")
    func keepsOrDropsContext() throws {
        let text = #"{"channel":"trades","symbol":"BTCUSDT","price":"43210.55"}"#
        let keeping = try Deflater(.raw)
        #expect(Self.deflate(keeping, text).count > 2 * Self.deflate(keeping, text).count)
        let forgetting = try Deflater(.raw)
        let first = Self.deflate(forgetting, text, keepsContext: false)
        #expect(Self.deflate(forgetting, text, keepsContext: false) == first)
        #expect(try Self.inflate(Inflater(.raw), first) == text)
    }

    @Test("A frame that ends inside a block, and one that is no deflate, are refused")
    func refusesDamage() throws {
        #expect(throws: CompressionError.self) { try Self.inflate(Inflater(.raw), [0xf2, 0x48, 0xcd]) }
        #expect(throws: CompressionError.self) { try Self.inflate(Inflater(.raw), Array("plain text".utf8)) }
    }
}
