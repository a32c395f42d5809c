import ColonyExchanges
import Testing

@Suite("MEXC's binary frames")
struct MEXCProtobufTests {
    /// A frame as the exchange builds it: 1 channel, 3 symbol, 6 send time, then the body under its number.
    private static func frame(_ channel: String, _ symbol: String?, body: Int = 314) -> [UInt8] {
        var bytes = field(1, Array(channel.utf8))
        if let symbol { bytes += field(3, Array(symbol.utf8)) }
        bytes += varint(6 << 3) + varint(1_760_000_001_752)
        // A body that looks like a field 1 inside: it must not be looked into.
        return bytes + field(body, field(1, Array("97120.41".utf8)))
    }

    private static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(bytes.count) + bytes
    }

    private static func varint(_ number: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = UInt64(number)
        while rest > 0x7F {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    private static let frames: [(String, String?, Topic)] = [
        ("spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT", "BTCUSDT", Topic("trade", "BTCUSDT")),
        ("spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT", "BTCUSDT", Topic("trade.10ms", "BTCUSDT")),
        ("spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT", "BTCUSDT", Topic("book", "BTCUSDT")),
        ("spot@public.aggre.bookTicker.v3.api.pb@100ms@ETHUSDT", "ETHUSDT", Topic("bbo", "ETHUSDT")),
        ("spot@public.limit.depth.v3.api.pb@BTCUSDT@5", "BTCUSDT", Topic("book_snapshot", "BTCUSDT")),
        ("spot@public.limit.depth.v3.api.pb@BTCUSDT@20", "BTCUSDT", Topic("book_snapshot.20", "BTCUSDT")),
        ("spot@public.kline.v3.api.pb@BTCUSDT@Min60", "BTCUSDT", Topic("candle.1h", "BTCUSDT")),
        ("spot@public.miniTicker.v3.api.pb@BTCUSDT@UTC+8", "BTCUSDT", Topic("ticker", "BTCUSDT")),
        ("spot@public.miniTicker.v3.api.pb@BTCUSDT", "BTCUSDT", Topic("ticker", "BTCUSDT")),
        ("spot@public.miniTickers.v3.api.pb@UTC+8", nil, Topic("ticker", "_all")),
        ("spot@public.bookTicker.batch.v3.api.pb@BTCUSDT", "BTCUSDT", Topic("public.bookticker.batch.v3.api.pb", "BTCUSDT")),
    ]

    @Test("the channel of field 1 names the stream", arguments: frames)
    func channels(channel: String, symbol: String?, topic: Topic) throws {
        var connection = try Connection("mexc")
        #expect(connection.read(Self.frame(channel, symbol), isText: false) == .packet(topic))
    }

    @Test("a frame cut off anywhere is malformed or goes to its own stream", arguments: frames)
    func truncation(channel: String, symbol: String?, topic: Topic) throws {
        var connection = try Connection("mexc")
        let frame = Self.frame(channel, symbol)
        var malformed = 0
        for length in 0..<frame.count {
            switch connection.read(Array(frame[..<length]), isText: false) {
            case .packet(let read): #expect(read == topic, "cut to \(length) bytes")
            case .malformed: malformed += 1
            case let other: Issue.record("cut to \(length) bytes: \(other)")
            }
        }
        #expect(malformed > channel.utf8.count)
    }

    @Test(
        "what is not protobuf is malformed",
        arguments: [
            [], [0x00], [0x0B], [0x0A], [0x0A, 0x05, 0x41], [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
            [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], [0x09, 1, 2, 3], [0x0D, 1], [0x18],
            // Well-formed, but without a channel.
            [0x30, 0x01],
        ] as [[UInt8]])
    func garbage(bytes: [UInt8]) throws {
        var connection = try Connection("mexc")
        #expect(connection.read(bytes, isText: false).isMalformed)
    }

    @Test("fields of fixed length in front of the channel are passed over")
    func fixedFields() throws {
        var connection = try Connection("mexc")
        let bytes = [0x11] + [UInt8](repeating: 7, count: 8) + [0x1D, 1, 2, 3, 4]
        let frame = bytes + Self.field(1, Array("spot@public.aggre.depth.v3.api.pb@10ms@AUSDT".utf8))
        #expect(connection.read(frame, isText: false) == .packet(Topic("book.10ms", "AUSDT")))
    }

    @Test("a refusal names every topic that was refused")
    func refusals() throws {
        var connection = try Connection("mexc")
        let words =
            "Not Subscribed successfully! [spot@public.aggre.deals.v3.api.pb@100ms@AUSDT,spot@public.kline.v3.api.pb@BUSDT@Min1].  Reason： Blocked! "
        let message = #"{"id":0,"code":0,"msg":"\#(words)"}"#
        let topics = [Topic("trade", "AUSDT"), Topic("candle.1m", "BUSDT")]
        #expect(connection.read(message) == .ack(Acknowledgement(.rejected(words), topics: topics)))
        #expect(connection.read(#"{"id":0,"code":1,"msg":"param error"}"#) == .notice(Notice(.error, "param error")))
    }
}
