import NIOCore
import NIOPosix
import Testing

@testable import WebSocketClient

/// REST calls, to the server of Python's own library and to servers that misbehave.
@Suite struct HTTPCallTests {
    private static let answer = #"{"code":"200000","data":{"token":"t0","instanceServers":[]}}"#

    private static func call(
        _ request: HTTPCall.Request, _ change: @Sendable (inout WebSocketConfiguration) -> Void = { _ in }
    ) async throws -> Result<String, WebSocketConnectError> {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
        var configuration = WebSocketConfiguration(url: "ws://nowhere.test/")
        configuration.connectTimeout = .seconds(45)
        change(&configuration)
        let bytes = try await eventLoop.flatSubmit { [configuration] () -> EventLoopFuture<Result<[UInt8], WebSocketConnectError>> in
            let promise = eventLoop.makePromise(of: Result<[UInt8], WebSocketConnectError>.self)
            var completions = 0
            _ = HTTPCall.perform(request, like: configuration, on: eventLoop) { result in
                completions += 1
                #expect(completions == 1)
                promise.succeed(result)
            }
            return promise.futureResult
        }.get()
        return bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func failure(_ result: Result<String, WebSocketConnectError>) -> WebSocketConnectError? {
        if case .failure(let error) = result { error } else { nil }
    }

    private static func scripted(_ answer: String, closes: Bool = true) async throws -> Result<String, WebSocketConnectError> {
        try await ScriptedPeer.run { peer in
            _ = try await peer.readHead()
            try await peer.drip(Array(answer.utf8), chunk: 3)
            if closes { peer.close() }
            await peer.waitForEnd()
        } body: { port in
            try await call(.init(method: "GET", url: "http://127.0.0.1:\(port)/x"))
        }
    }

    @Test(
        "A server of another hand is understood in every way it answers",
        .enabled("needs python3") { try await PythonServer.can("import http.server") }, .timeLimit(.minutes(1)))
    func talksToPython() async throws {
        try await PythonServer.run("http_server.py") { port in
            func get(_ path: String) async throws -> Result<String, WebSocketConnectError> {
                try await Self.call(.init(method: "GET", url: "http://127.0.0.1:\(port)\(path)")) {
                    $0.headers = [("X-Key", "k"), ("Sec-WebSocket-Protocol", "chat")]
                }
            }
            try await check(port, get)
        }
    }

    private func check(_ port: Int, _ get: (String) async throws -> Result<String, WebSocketConnectError>) async throws {
        for path in ["/plain", "/chunked", "/trailer", "/close", "/gzip", "/gzip-chunked", "/plain?token=1"] {
            #expect(try await get(path) == .success(Self.answer), "\(path)")
        }
        #expect(try await get("/agent") == .success("colony|k"))
        let posted = try await Self.call(.init(method: "POST", url: "http://127.0.0.1:\(port)/echo", body: #"{"a":1}"#))
        #expect(posted == .success(#"{"a":1}"#))
        for (path, code, words) in [
            ("/bomb", .badUpgrade, "does not inflate"), ("/brotli", .badUpgrade, "\"br\""), ("/huge", .badUpgrade, "longer than 1048576"),
            ("/endless", .badUpgrade, "longer than 1048576"), ("/short", .closed, "closed the connection"),
            ("/cut", .closed, "closed the connection"), ("/redirect", .redirect, "https://elsewhere.test/v2"),
            ("/busy", .upgradeRefused, "refused the GET request: 429"), ("/none", .upgradeRefused, "404 Not Found: nothing here"),
        ] as [(String, WebSocketConnectError.Code, String)] {
            let error = Self.failure(try await get(path))
            #expect(error?.code == code && error?.description.contains(words) == true, "\(path): \(String(describing: error))")
            #expect(error?.description.contains("http://127.0.0.1:\(port)") == true && error?.description.contains("secret") == false)
            if path == "/busy" { #expect(error?.status == 429 && error?.retryAfter == .seconds(30)) }
        }
    }

    @Test("What looks like the end of the chunks inside one, or in the middle of a read, is not taken for it", .timeLimit(.minutes(1)))
    func findsTheEnd() async throws {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        #expect(try await Self.scripted(head + "7\r\n0\r\n\r\nab\r\n1\r\nc\r\n0\r\n\r\n", closes: false) == .success("0\r\n\r\nabc"))
        #expect(try await Self.scripted("HTTP/1.0 200 OK\r\n\r\nto the end") == .success("to the end"))
        #expect(try await Self.scripted("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", closes: false) == .success(""))
    }

    @Test(
        "Answers that cannot be understood fail with a reason", .timeLimit(.minutes(1)),
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxyz",
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nxyz",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "garbage\r\n\r\n",
        ])
    func namesNonsense(answer: String) async throws {
        let error = Self.failure(try await Self.scripted(answer))
        #expect(error?.code == .badUpgrade, "\(String(describing: error))")
    }

    @Test("A call goes through the websocket's proxy, with the proxy's login", .timeLimit(.minutes(1)))
    func goesThroughTheProxy() async throws {
        let answer = try await ScriptedPeer.run { peer in
            let tunnel = try await peer.readHead()
            #expect(tunnel.hasPrefix("CONNECT api.exchange.test:8080 HTTP/1.1\r\n"))
            #expect(PeerConnection.header("Proxy-Authorization", in: tunnel) == "Basic dXNlcjpwYXNz")
            try await peer.write("HTTP/1.1 200 OK\r\n\r\n")
            let request = try await peer.readHead()
            #expect(request.hasPrefix("POST /api/v1/bullet-public HTTP/1.1\r\n"))
            #expect(PeerConnection.header("Proxy-Authorization", in: request) == nil)
            try await peer.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntoken")
            await peer.waitForEnd()
        } body: { port in
            try await Self.call(.init(method: "POST", url: "http://api.exchange.test:8080/api/v1/bullet-public")) {
                $0.proxy = .http(host: "127.0.0.1", port: port, login: .init(user: "user", password: "pass"), tls: false)
            }
        }
        #expect(answer == .success("token"))
    }

    @Test("A URL of another kind is refused without a socket", .timeLimit(.minutes(1)))
    func refusesURLs() async throws {
        #expect(Self.failure(try await Self.call(.init(method: "GET", url: "ftp://h/")))?.code == .badURL)
    }
}
