import Testing

@testable import WebSocketClient

@Suite struct HTTPTests {
    private static func read(_ text: String, chunk: Int = .max) throws -> (head: HTTPHead?, taken: Int) {
        var reader = HTTPHeadReader()
        let bytes = Array(text.utf8)
        var taken = 0
        while taken < bytes.count {
            let piece = Array(bytes[taken..<min(bytes.count, chunk == .max ? bytes.count : taken + chunk)])
            let result = try piece.withUnsafeBytes { try reader.take($0) }
            taken += result.taken
            if let head = result.head { return (head, taken) }
        }
        return (nil, taken)
    }

    private static let answer =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX-Empty:\r\nConnection:  keep-alive, Upgrade \t\r\n\r\n"

    @Test("A head is read in one piece and byte by byte, and not a byte behind it", arguments: [Int.max, 1, 3, 7])
    func readsHeads(chunk: Int) throws {
        let (head, taken) = try Self.read(Self.answer + "\u{1}rest", chunk: chunk)
        #expect(taken == Self.answer.utf8.count)
        #expect(head?.status == 101 && head?.reason == "Switching Protocols")
        #expect(head?.values("connection") == ["keep-alive, Upgrade"] && head?.values("X-EMPTY") == [""])
        #expect(head?.lists("upgrade", in: "Connection") == true && head?.lists("up", in: "Connection") == false)
    }

    @Test("A status line without a reason is read")
    func readsBareStatus() throws {
        #expect(try Self.read("HTTP/1.1 200\r\n\r\n").head?.status == 200)
        #expect(try Self.read("HTTP/1.0 200 OK\r\n\r\n").head?.reason == "OK")
    }

    @Test(
        "What is no HTTP response is refused",
        arguments: [
            "SSH-2.0-OpenSSH\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nNo colon\r\n\r\n", "HTTP/1.1 200 OK\r\n: empty\r\n\r\n",
            "HTTP/1.1 200 OK\r\nBad name: x\r\n\r\n", "HTTP/1.1 200 OK\r\nName : x\r\n\r\n", "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n fol\u{0}ded\r\n\r\n",
            "HTTP/1.1 200 OK\nA: b\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\u{0}\r\n\r\n", "\u{81}\u{2}hi",
        ]
    )
    func refusesOthers(text: String) {
        #expect(throws: HTTPHeadError.self) { try Self.read(text) }
    }

    @Test("What cannot be HTTP is refused at its first wrong byte")
    func refusesEarly() {
        #expect(throws: HTTPHeadError.self) { try Self.read("HTTQ") }
        #expect(throws: HTTPHeadError.self) { try Self.read("\u{16}") }
        #expect(throws: HTTPHeadError.self, "a bare LF, without waiting for the end") { try Self.read("HTTP/1.1 200 OK\n") }
        let fields = String(repeating: "X: y\r\n", count: HTTPHeadReader.maxFields + 1)
        #expect(throws: HTTPHeadError.self, "too many fields, without an end") { try Self.read("HTTP/1.1 200 OK\r\n" + fields) }
    }

    @Test("A folded field is read as one line")
    func unfolds() throws {
        let head = try Self.read("HTTP/1.1 101 S\r\nConnection: keep-alive,\r\n \t Upgrade\r\n\tx\r\nA: b\r\n\r\n", chunk: 1).head
        #expect(head?.values("Connection") == ["keep-alive, Upgrade x"] && head?.values("A") == ["b"])
    }

    @Test("Heads beyond 64 KiB or 100 fields are refused, with or without an end")
    func limitsHeads() throws {
        let fields = { (count: Int) in (0..<count).map { "X-\($0): y\r\n" }.joined() }
        #expect(try Self.read("HTTP/1.1 200 OK\r\n\(fields(100))\r\n").head?.fields.count == 100)
        #expect(throws: HTTPHeadError.self) { try Self.read("HTTP/1.1 200 OK\r\n\(fields(101))\r\n") }
        #expect(throws: HTTPHeadError.self) { try Self.read("HTTP/1.1 200 OK\r\nX: \(String(repeating: "a", count: 65_536))") }
    }

    @Test("SHA-1 and base64 give the published values")
    func hashes() {
        let hex = { (bytes: [UInt8]) in bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }
        #expect(hex(SHA1.hash(Array("abc".utf8))) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(hex(SHA1.hash([])) == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
        #expect(
            hex(SHA1.hash(Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)))
                == "84983e441c3bd26ebaae4aa1f95129e5e54670f1")
        #expect(hex(SHA1.hash([UInt8](repeating: 0x61, count: 1000))) == "291e9a6c66994949b57ba5e650361e98fc36b1ba")
        #expect(
            ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map { Base64.encode($0.utf8) } == [
                "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
            ])
        #expect(UpgradeRequest.accept(for: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "the example of RFC 6455")
    }

    @Test("Retry-After is read in seconds and in the three formats of dates")
    func readsRetryAfter() {
        #expect(RetryAfter.parse("30", now: 0, serverDate: nil) == .seconds(30))
        #expect(RetryAfter.parse("0", now: 0, serverDate: nil) == .seconds(0))
        #expect(RetryAfter.parse("99999999999999999999999", now: 0, serverDate: nil) == .seconds(7 * 86_400))
        #expect(HTTPDate.parse("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777)
        #expect(HTTPDate.parse("Sunday, 06-Nov-94 08:49:37 GMT") == 784_111_777)
        #expect(HTTPDate.parse("Sun Nov  6 08:49:37 1994") == 784_111_777)
        #expect(HTTPDate.parse("Thu, 29 Feb 2024 00:00:00 GMT") == 1_709_164_800)
        #expect(RetryAfter.parse("Sun, 06 Nov 1994 08:50:37 GMT", now: 784_111_777, serverDate: nil) == .seconds(60))
        #expect(RetryAfter.parse("Sun, 06 Nov 1994 08:50:37 GMT", now: 0, serverDate: "Sun, 06 Nov 1994 08:49:37 GMT") == .seconds(60))
        #expect(RetryAfter.parse("Sun, 06 Nov 1994 08:49:37 GMT", now: 800_000_000, serverDate: nil) == .seconds(0), "in the past")
        for nonsense in [
            "", "soon", "-5", "1.5", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 28:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT",
        ] {
            #expect(RetryAfter.parse(nonsense, now: 0, serverDate: nil) == nil, "\(nonsense)")
        }
    }
}
