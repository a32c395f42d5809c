import NIOCore
import Testing

@testable import WebSocketClient

@Suite struct WebSocketURLTests {
    @Test(
        "URLs are taken apart, path and query byte for byte",
        arguments: [
            ("ws://example.com", false, "example.com", 80, "/", "example.com"),
            ("WSS://Example.com/a%20b/?x=%7B%22y%22:1%7D&&=?/", true, "Example.com", 443, "/a%20b/?x=%7B%22y%22:1%7D&&=?/", "Example.com"),
            ("wss://h:9443/ws/!ticker@arr", true, "h", 9443, "/ws/!ticker@arr", "h:9443"),
            ("ws://h?x=1", false, "h", 80, "/?x=1", "h"),
            ("ws://h:80/", false, "h", 80, "/", "h"),
            ("wss://h:80/", true, "h", 80, "/", "h:80"),
            ("ws://[2001:db8::1]:8080/x", false, "2001:db8::1", 8080, "/x", "[2001:db8::1]:8080"),
            ("ws://[::1]", false, "::1", 80, "/", "[::1]"),
            ("ws://127.0.0.1/a//b/../c", false, "127.0.0.1", 80, "/a//b/../c", "127.0.0.1"),
        ]
    )
    func parses(text: String, isSecure: Bool, host: String, port: Int, target: String, hostHeader: String) throws {
        let url = try WebSocketURL(text)
        #expect(
            url.isSecure == isSecure && url.host == host && url.port == port && url.requestTarget == target && url.hostHeader == hostHeader)
    }

    @Test(
        "What is no websocket URL is refused",
        arguments: [
            "", "http://h/", "h/", "ws:/h", "ws://", "ws:///path", "ws://:80/", "ws://h:0/", "ws://h:65536/", "ws://h:x/", "ws://h:/",
            "ws://h:+80/",
            "ws://user@h/", "ws://user:pass@h/", "ws://h/#part", "ws://h/a b", "ws://h/\r\nX: y", "ws://h\u{e4}user/", "ws://[::1/",
            "ws://[h]/", "ws://[::1]x/",
            "ws://[fe80::1%25eth0]/", "ws://h,h/", "ws://h\\x/",
        ]
    )
    func refuses(text: String) {
        #expect { try WebSocketURL(text) } throws: { ($0 as? WebSocketConnectError)?.code == .badURL }
    }

    @Test("Errors show neither the user nor the query, where secrets live")
    func redacts() {
        for text in ["ws://user:secret@h/", "http://h/?token=secret", "wss://h/p?key=secret#x"] {
            #expect { try WebSocketURL(text) } throws: { !"\($0)".contains("secret") }
        }
    }
}

@Suite struct UpgradeRequestTests {
    private static func request(_ url: String, _ headers: [(name: String, value: String)] = [], offer: DeflateOffer? = nil) throws -> (
        text: String, key: String
    ) {
        var random = SeededGenerator(seed: 1)
        let request = try UpgradeRequest(WebSocketURL(url), headers: headers, offer: offer, random: &random)
        return (String(buffer: request.bytes), request.key)
    }

    @Test("The request has the fields RFC 6455 asks for, once each, and no Origin of its own")
    func writes() throws {
        let (text, key) = try Self.request(
            "wss://h:444/p?q=1", [("X-One", "1"), ("Cookie", "a=b"), ("Cookie", "c=d")], offer: DeflateOffer())
        #expect(
            text == """
                GET /p?q=1 HTTP/1.1\r
                Host: h:444\r
                User-Agent: colony\r
                X-One: 1\r
                Cookie: a=b\r
                Cookie: c=d\r
                Upgrade: websocket\r
                Connection: Upgrade\r
                Sec-WebSocket-Key: \(key)\r
                Sec-WebSocket-Version: 13\r
                Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r
                \r

                """
        )
        #expect(key.utf8.count == 24 && key.hasSuffix("=="))
    }

    @Test("A Host of the caller replaces ours; an Origin is sent as given")
    func takesHostAndOrigin() throws {
        let (text, _) = try Self.request("ws://h/", [("host", "other"), ("Origin", "https://o")])
        #expect(text.contains("\r\nHost: other\r\n") && text.contains("\r\nOrigin: https://o\r\n") && !text.contains("Host: h\r\n"))
    }

    @Test(
        "Headers that are ours, given twice or that would break the request are refused",
        arguments: [
            [("Upgrade", "x")], [("sec-websocket-key", "x")], [("Connection", "close")], [("Content-Length", "0")],
            [("A", "1"), ("a", "2")], [("A B", "1")],
            [("", "1")], [("A", "1\r\nB: 2")], [("A", "x\u{0}")], [("A:", "1")],
        ] as [[(String, String)]]
    )
    func refuses(headers: [(String, String)]) {
        #expect { try Self.request("ws://h/", headers.map { ($0.0, $0.1) }) } throws: { ($0 as? WebSocketConnectError)?.code == .badURL }
    }
}
