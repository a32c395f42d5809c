import NIOCore
import NIOEmbedded
import Testing

@testable import Simulator

@Suite struct ProxyHeaderTests {
    @Test(arguments: [
        ("PROXY TCP4 10.0.0.7 10.0.0.2 41000 9443\r\n", "10.0.0.7:41000"), ("PROXY TCP6 ::1 ::1 7 9\r\n", "[::1]:7"),
    ])
    func `a line of the protocol tells the client`(line: String, client: String) {
        #expect(ProxyHeaderHandler.client(line) == client)
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\n", "PROXY UNKNOWN\r\n", "PROXY TCP4 10.0.0.7 10.0.0.2 41000 9443\n",
        "PROXY TCP4 10.0.0.7 10.0.0.2 66000 9443\r\n",
        "PROXY TCP4  10.0.0.2 41000 9443\r\n", "",
    ])
    func `anything else does not`(line: String) { #expect(ProxyHeaderHandler.client(line) == nil) }

    @Test func `what comes behind the line passes, wherever it is cut`() throws {
        let bytes = Array("PROXY TCP4 10.0.0.7 10.0.0.2 41000 9443\r\nGET /a\n/b".utf8)
        for cut in 0...bytes.count {
            let handler = ProxyHeaderHandler()
            let channel = EmbeddedChannel(handler: handler)
            try channel.writeInbound(ByteBuffer(bytes: bytes[..<cut]))
            try channel.writeInbound(ByteBuffer(bytes: bytes[cut...]))
            var passed = ""
            while let next = try channel.readInbound(as: ByteBuffer.self) { passed += String(buffer: next) }
            #expect(passed == "GET /a\n/b")
            #expect(handler.client == "10.0.0.7:41000")
        }
    }

    @Test func `a connection that does not begin with it is closed`() throws {
        for text in ["\u{16}\u{3}\u{1}..\n", String(repeating: "x", count: 107)] {
            let channel = EmbeddedChannel(handler: ProxyHeaderHandler())
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            try channel.writeInbound(ByteBuffer(string: text))
            #expect(!channel.isActive)
            #expect(try channel.readInbound(as: ByteBuffer.self) == nil)
        }
    }
}
