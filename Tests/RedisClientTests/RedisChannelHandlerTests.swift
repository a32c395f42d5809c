import NIOCore
import NIOEmbedded
import RedisClient
import Testing

/// The handler on an embedded channel: no socket, no clock.
@Suite
struct RedisChannelHandlerTests {
    private let channel: EmbeddedChannel
    private let handler: RedisChannelHandler
    private let log = Log()

    private final class Log {
        var replies: [RedisValue] = []
        var errors: [RedisError.Code] = []
    }

    init() throws {
        handler = RedisChannelHandler(
            endpoint: RedisEndpoint(address: .tcp(host: "redis.test", port: 6379)),
            options: .init(maximumReplyBytes: 100_000, maximumPendingCalls: 100)
        )
        channel = EmbeddedChannel(handler: handler)
        try channel.connect(to: .init(ipAddress: "127.0.0.1", port: 6379)).wait()
    }

    private func call(_ count: Int = 1, timeout: TimeAmount = .seconds(1)) {
        for _ in 0..<count {
            handler.call(ByteBuffer(string: "PING\r\n"), deadline: channel.embeddedEventLoop.now + timeout) { [log] result in
                switch result {
                case .success(let reply): log.replies.append(reply)
                case .failure(let error): log.errors.append(error.code)
                }
            }
        }
    }

    private func receive(_ text: String) throws {
        try channel.writeInbound(ByteBuffer(string: text))
    }

    private static let wire =
        "+OK\r\n:-42\r\n$5\r\nhello\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n*3\r\n:1\r\n$-1\r\n*2\r\n+a\r\n-ERR inner\r\n$4\r\n\r\n\r\n\r\n"
    private static let values: [RedisValue] = [
        .status("OK"), .integer(-42), .bytes(ByteBuffer(string: "hello")), .bytes(ByteBuffer()), .null, .null, .array([]),
        .array([.integer(1), .null, .array([.status("a"), .error(.init(text: "ERR inner"))])]), .bytes(ByteBuffer(string: "\r\n\r\n")),
    ]

    @Test func `replies that come byte by byte are read as those that come at once`() throws {
        call(2 * Self.values.count)
        try receive(Self.wire)
        for byte in Self.wire.utf8 { try channel.writeInbound(ByteBuffer(bytes: [byte])) }
        #expect(log.replies == Self.values + Self.values)
        #expect(log.errors.isEmpty)
    }

    @Test(arguments: 0..<20)
    func `replies are read the same however they are cut`(seed: Int) throws {
        var generator = SplitMix(state: UInt64(seed))
        let wire = ByteBuffer(string: String(repeating: Self.wire, count: 10))
        call(10 * Self.values.count)
        var rest = wire
        while rest.readableBytes > 0, let part = rest.readSlice(length: min(rest.readableBytes, Int(generator.next() % 40))) {
            try channel.writeInbound(part)
        }
        #expect(log.replies == Array(repeating: Self.values, count: 10).flatMap { $0 })
    }

    @Test func `a reply of one megabyte and small ones behind it come out whole`() throws {
        let roomy = RedisReplyReader(maximumReplyBytes: 2_000_000, maximumReplyElements: 10)
        let payload = String(repeating: "x", count: 1_000_000)
        var replies: [RedisValue] = []
        try roomy.read(ByteBuffer(string: "$1000000\r\n\(payload)\r\n+OK\r\n:7\r\n")) {
            replies.append($0)
            return true
        }
        #expect(replies == [.bytes(ByteBuffer(string: payload)), .status("OK"), .integer(7)])
    }

    @Test func `commands go out in the order of the calls, and only when flushed`() throws {
        handler.call([ByteBuffer(string: "one "), ByteBuffer(string: "two ")], deadline: .distantFuture) { _ in }
        handler.call(ByteBuffer(string: "three"), deadline: .distantFuture) { _ in }
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        handler.flush()
        var text = ""
        while let part = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: part) }
        #expect(text == "one two three")
    }

    @Test func `an error reply fails its call only`() throws {
        call(3)
        try receive("+one\r\n-OOM command not allowed\r\n+three\r\n")
        #expect(log.replies == [.status("one"), .status("three")])
        #expect(log.errors == [.outOfMemory])
        #expect(channel.isActive)
    }

    @Test(arguments: [
        "HTTP/1.1 400 Bad Request\r\n", "\u{0}\u{1}\u{2}", "%1\r\n+a\r\n+b\r\n", "_\r\n", "*9\r\n#", "$abc\r\n", ":12x\r\n", "$-7\r\n",
        "*1048577\r\n", "$100001\r\n",
        "*9223372036854775808\r\n", "$--1\r\n", "\r\n",
        String(repeating: "*1\r\n", count: 9) + ":1\r\n",
    ])
    func `bytes that are no reply end the connection`(text: String) throws {
        call(2)
        try receive("+fine\r\n" + text)
        #expect(log.replies == [.status("fine")])
        #expect(log.errors == [.protocolViolation])
        #expect(!channel.isActive)
    }

    @Test func `seven levels of nesting are read, eight are refused`() throws {
        call(2)
        try receive(String(repeating: "*1\r\n", count: 7) + ":1\r\n")
        var value = RedisValue.integer(1)
        for _ in 0..<7 { value = .array([value]) }
        #expect(log.replies == [value])
        try receive(String(repeating: "*1\r\n", count: 8) + ":1\r\n")
        #expect(log.errors == [.protocolViolation])
    }

    @Test func `a reply over the limit ends the connection before it is whole`() throws {
        call()
        try receive("$50000\r\n\(String(repeating: "x", count: 50_000))\r\n")
        #expect(log.replies.count == 1)
        call()
        try receive("*2\r\n$60000\r\n\(String(repeating: "x", count: 60_000))\r\n$60000\r\n")
        #expect(log.errors.isEmpty)
        try receive(String(repeating: "x", count: 50_000))
        #expect(log.errors == [.protocolViolation])
        #expect(!channel.isActive)
    }

    @Test func `a reply nobody asked for ends the connection`() throws {
        try receive("+OK\r\n")
        #expect(!channel.isActive)
        call()
        channel.embeddedEventLoop.run()
        #expect(log.errors == [.protocolViolation])
    }

    @Test func `an error nobody asked for becomes the reason of the end`() throws {
        try receive("-ERR max number of clients reached\r\n")
        call()
        channel.embeddedEventLoop.run()
        #expect(log.errors == [.maxClients])
    }

    @Test func `a deadline that passes times that call out, loses those behind it and closes`() throws {
        call(timeout: .milliseconds(100))
        call(2, timeout: .milliseconds(150))
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(99))
        #expect(log.errors.isEmpty)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(log.errors == [.timeout, .connectionLost, .connectionLost])
        #expect(!channel.isActive)
    }

    @Test func `a call that was answered does not time out, the next one does at its own time`() throws {
        call(timeout: .milliseconds(100))
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(50))
        call(timeout: .milliseconds(100))
        try receive("+one\r\n")
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(99))
        #expect(log.errors.isEmpty)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(log.errors == [.timeout])
    }

    @Test func `a short deadline behind a long one is kept`() throws {
        call(timeout: .seconds(100))
        call(timeout: .milliseconds(10))
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(10))
        #expect(log.errors == [.connectionLost, .timeout])
    }

    @Test func `a completion that closes gets no further replies, and the other calls fail once`() throws {
        handler.call(ByteBuffer(string: "PING\r\n"), deadline: .distantFuture) { [handler] _ in
            handler.close(RedisError(.connectionLost, "closed by the test"))
        }
        call(2)
        try receive("+one\r\n+two\r\n+three\r\n")
        #expect(log.replies.isEmpty)
        #expect(log.errors == [.connectionLost, .connectionLost])
        channel.embeddedEventLoop.run()
        #expect(log.errors.count == 2)
    }

    @Test func `a completion may call again and is answered in its turn`() throws {
        handler.call(ByteBuffer(string: "PING\r\n"), deadline: .distantFuture) { _ in call() }
        call()
        try receive("+one\r\n+two\r\n+three\r\n")
        #expect(log.replies == [.status("two"), .status("three")])
    }

    @Test func `more calls than the limit are refused and not written`() throws {
        call(101)
        channel.embeddedEventLoop.run()
        #expect(log.errors == [.overloaded])
        handler.flush()
        var count = 0
        while try channel.readOutbound(as: ByteBuffer.self) != nil { count += 1 }
        #expect(count == 100)
        try receive("+OK\r\n")
        call()
        channel.embeddedEventLoop.run()
        #expect(log.errors.count == 1)
    }

    @Test func `a call on a closed connection fails, after the call returned`() throws {
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
        call()
        #expect(log.errors.isEmpty)
        channel.embeddedEventLoop.run()
        #expect(log.errors == [.connectionLost])
    }
}
