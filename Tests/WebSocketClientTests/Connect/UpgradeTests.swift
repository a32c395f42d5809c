import NIOCore
import Testing

@testable import WebSocketClient

/// Upgrades over a socket, with servers that misbehave.
@Suite struct UpgradeTests {
    private static func configuration(_ port: Int, path: String = "/", _ change: (inout WebSocketConfiguration) -> Void = { _ in })
        -> WebSocketConfiguration
    {
        var configuration = WebSocketConfiguration(url: "ws://127.0.0.1:\(port)\(path)")
        configuration.connectTimeout = .seconds(20)
        change(&configuration)
        return configuration
    }

    private static func failure(
        _ configuration: @escaping @Sendable (Int) -> WebSocketConfiguration, answer: @escaping @Sendable (String) -> String
    ) async throws
        -> WebSocketConnectError?
    {
        try await ScriptedPeer.run { peer in
            try await peer.write(answer(peer.readHead()))
            await peer.waitForEnd()
        } body: { port in
            try await Client.failure(configuration(port))
        }
    }

    @Test("Frames in the segment of the 101 are delivered, after the completion", .timeLimit(.minutes(1)))
    func deliversEarlyFrames() async throws {
        try await ScriptedPeer.run { peer in
            try await peer.upgrade(behind: Frame.text("first") + Frame.text("second") + Frame.text("third").prefix(4))
            try await peer.write(Array(Frame.text("third").dropFirst(4)))
            await peer.waitForEnd()
        } body: { port in
            let client = try await Client.open(Self.configuration(port))
            #expect(await client.next() == .text("first"))
            #expect(await client.next() == .text("second"))
            #expect(await client.next() == .text("third"))
            await client.onLoop { $0.abort() }
        }
    }

    @Test("With reading switched off in the completion, early frames wait until it is switched on", .timeLimit(.minutes(1)))
    func withholdsEarlyFrames() async throws {
        try await ScriptedPeer.run { peer in
            try await peer.upgrade(behind: Frame.text("early"))
            await peer.waitForEnd()
        } body: { port in
            let client = try await Client.open(Self.configuration(port)) { connection, _ in connection.isReading = false }
            let order = client.listener
            await client.onLoop { connection in
                var heard: [Heard] = []
                order.value.react = { heard.append($0) }
                #expect(heard.isEmpty)
                connection.isReading = true
                #expect(heard == [.text("early"), .burstEnded])
            }
            await client.onLoop { $0.abort() }
        }
    }

    @Test("What comes behind the 101 in many reads keeps its order while reading is off", .timeLimit(.minutes(1)))
    func keepsTheOrder() async throws {
        let long = String(repeating: "0123456789", count: 20_000)
        try await ScriptedPeer.run { peer in
            try await peer.upgrade(behind: Frame.text(long) + Frame.text("second") + Frame.text(long))
            try await peer.write(Frame.text("last"))
            await peer.waitForEnd()
        } body: { port in
            let client = try await Client.open(Self.configuration(port)) { connection, _ in connection.isReading = false }
            // A turn of the loop later all reads of that burst are over.
            await client.onLoop { _ in }
            await client.onLoop { $0.isReading = true }
            for expected in [long, "second", long, "last"] { #expect(await client.next() == .text(expected)) }
            await client.onLoop { $0.abort() }
        }
    }

    @Test("A close frame right behind the 101 is the reason, also while reading is off", .timeLimit(.minutes(1)))
    func hearsLastWords() async throws {
        try await ScriptedPeer.run { peer in
            try await peer.upgrade(behind: Frame.close(1013, "full"))
            peer.close()
            await peer.waitForEnd()
        } body: { port in
            let client = try await Client.open(Self.configuration(port)) { connection, _ in connection.isReading = false }
            #expect(await client.rest() == [.closed(.closedByPeer(code: 1013, text: "full"))])
        }
    }

    @Test("An answer that drips in byte by byte is an answer; interim answers are skipped", .timeLimit(.minutes(1)))
    func readsDrips() async throws {
        try await ScriptedPeer.run { peer in
            let request = try await peer.readHead()
            try await peer.drip(
                Array(("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + PeerConnection.answer(to: request)).utf8) + Frame.text("hi"))
            await peer.waitForEnd()
        } body: { port in
            let client = try await Client.open(Self.configuration(port))
            #expect(await client.next() == .text("hi"))
            #expect(client.upgrade.headers.contains { $0.name == "Upgrade" && $0.value == "websocket" })
            #expect(client.upgrade.peer == "127.0.0.1:\(port)")
            await client.onLoop { $0.abort() }
        }
    }

    @Test("An answer that drips for ever is given up at the deadline, and the stage is named", .timeLimit(.minutes(1)))
    func givesUpDrips() async throws {
        let error = try await ScriptedPeer.run { peer in
            _ = try await peer.readHead()
            try await peer.write("HTTP/1.1 101 Switching Protocols\r\n")
            while true { try await peer.write("X: y\r\n") }
        } body: { port in
            try await Client.failure(Self.configuration(port) { $0.connectTimeout = .seconds(2) })
        }
        // A server that writes as fast as it can runs into the limit of fields first: both bounds hold.
        #expect(error?.code == .timeout || error?.code == .badUpgrade)
    }

    @Test("A server that says nothing is given up at the deadline, and the stage is named", .timeLimit(.minutes(1)))
    func givesUpSilence() async throws {
        let error = try await ScriptedPeer.run {
            await $0.waitForEnd()
        } body: { port in
            try await Client.failure(Self.configuration(port) { $0.connectTimeout = .seconds(2) })
        }
        #expect(error?.code == .timeout && error?.description.contains("upgrade") == true)
    }

    @Test("429 keeps its status, Retry-After and the beginning of its body", .timeLimit(.minutes(1)))
    func keepsRefusals() async throws {
        let error = try await Self.failure {
            Self.configuration($0, path: "/?token=secret")
        } answer: { _ in
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nContent-Length: 24\r\n\r\n{\"msg\":\"slow\u{1}down, you\"}!"
        }
        #expect(error?.code == .upgradeRefused && error?.status == 429 && error?.retryAfter == .seconds(30))
        #expect(error?.description.contains("slow down") == true && error?.description.contains("secret") == false)
    }

    @Test("A refusal's body is cut at 1 KiB, taken in chunks, and not waited for long", .timeLimit(.minutes(1)))
    func boundsBodies() async throws {
        let long = try await Self.failure {
            Self.configuration($0)
        } answer: { _ in
            "HTTP/1.1 503 Down\r\nContent-Length: 100000\r\n\r\n" + String(repeating: "x", count: 100_000)
        }
        #expect(long?.status == 503 && (long?.description.utf8.count ?? 0) > 1024 && (long?.description.utf8.count ?? 0) < 1300)
        let chunked = try await Self.failure {
            Self.configuration($0)
        } answer: { _ in
            "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nban t\r\n6\r\nil two\r\n0\r\n\r\n"
        }
        #expect(chunked?.status == 403 && chunked?.description.hasSuffix("ban til two") == true)
        let unfinished = try await Self.failure {
            Self.configuration($0)
        } answer: { _ in
            "HTTP/1.1 502 Bad\r\nContent-Length: 50\r\n\r\nhalf"
        }
        #expect(unfinished?.code == .upgradeRefused && unfinished?.status == 502 && unfinished?.description.hasSuffix("half") == true)
        let bare = try await Self.failure {
            Self.configuration($0)
        } answer: { _ in
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        }
        #expect(bare?.code == .upgradeRefused && bare?.status == 200)
    }

    @Test("A redirect is named, not followed", .timeLimit(.minutes(1)), arguments: [301, 302, 307, 308])
    func namesRedirects(status: Int) async throws {
        let error = try await Self.failure {
            Self.configuration($0)
        } answer: { _ in
            "HTTP/1.1 \(status) Moved\r\nLocation: wss://elsewhere.test/ws\r\n\r\n"
        }
        #expect(error?.code == .redirect && error?.status == status && error?.description.contains("wss://elsewhere.test/ws") == true)
    }

    @Test(
        "A 101 that is none is refused",
        .timeLimit(.minutes(1)),
        arguments: [
            ("Upgrade: websocket", "Upgrade: h2c"), ("Upgrade: websocket\r\n", ""), ("Connection: Upgrade", "Connection: keep-alive"),
            ("Connection: Upgrade\r\n", ""), ("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x"), ("Sec-WebSocket-Accept", "X-Accept"),
            ("\r\n\r\n", "\r\nSec-WebSocket-Accept: again\r\n\r\n"), ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n"),
            ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
            ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x-other\r\n\r\n"),
            ("HTTP/1.1", "HTTP/2.0"), ("HTTP/1.1", "HTTP/1.0"), ("Upgrade: ", "Upgrade : "), ("\r\n", "\n"),
            ("HTTP/1.1 101", "body HTTP/1.1 101"),
            ("\r\n\r\n", "\r\nSec-WebSocket-Accept: x\r\n\r\n"),
        ]
    )
    func refusesBadUpgrades(old: String, new: String) async throws {
        let error = try await Self.failure {
            Self.configuration($0)
        } answer: { request in
            Self.replace(old, by: new, in: PeerConnection.answer(to: request))
        }
        #expect(error?.code == .badUpgrade, "\(old) -> \(new): \(error?.description ?? "accepted")")
    }

    static func replace(_ old: String, by new: String, in text: String) -> String {
        guard let range = text.firstRange(of: old) else { return text }
        return text[..<range.lowerBound] + new + text[range.upperBound...]
    }

    @Test("Header names and tokens are compared without case; a subprotocol asked for may be chosen", .timeLimit(.minutes(1)))
    func acceptsVariants() async throws {
        try await ScriptedPeer.run { peer in
            let request = try await peer.readHead()
            #expect(PeerConnection.header("Sec-WebSocket-Protocol", in: request) == "one, two")
            let accept = UpgradeRequest.accept(for: PeerConnection.header("Sec-WebSocket-Key", in: request) ?? "")
            try await peer.write(
                "HTTP/1.1 101 \r\nUPGRADE: WebSocket\r\nconnection: keep-alive\r\nConnection: upgrade\r\nsec-websocket-accept: \(accept)\r\nsec-websocket-protocol: two\r\n\r\n"
            )
            await peer.waitForEnd()
        } body: { port in
            let client = try await Client.open(Self.configuration(port) { $0.headers = [("Sec-WebSocket-Protocol", "one, two")] })
            #expect(!client.upgrade.negotiatedDeflate)
            await client.onLoop { $0.abort() }
        }
    }

    @Test(
        "Every malformed deflate answer fails the connection", .timeLimit(.minutes(1)),
        arguments: ["permessage-deflate; x", "permessage-deflate, permessage-deflate", "permessage-deflate; server_max_window_bits=99"])
    func refusesBadDeflate(header: String) async throws {
        let error = try await Self.failure {
            Self.configuration($0) { $0.offersDeflate = true }
        } answer: { request in
            PeerConnection.answer(to: request, extra: "Sec-WebSocket-Extensions: \(header)\r\n")
        }
        #expect(error?.code == .badUpgrade)
    }

    @Test("A server that closes instead of answering is told from one that refuses", .timeLimit(.minutes(1)), arguments: [true, false])
    func noticesTheEnd(byReset: Bool) async throws {
        let error = try await ScriptedPeer.run { peer in
            _ = try await peer.readHead()
            byReset ? peer.reset() : peer.close()
            await peer.waitForEnd()
        } body: { port in
            try await Client.failure(Self.configuration(port))
        }
        #expect(error?.code == .closed)
    }

    @Test("A refusal whose body drips past the deadline is still that refusal, with its Retry-After", .timeLimit(.minutes(1)))
    func keepsRefusalsAtTheDeadline() async throws {
        let error = try await ScriptedPeer.run { peer in
            _ = try await peer.readHead()
            try await peer.write("HTTP/1.1 429 Slow down\r\nRetry-After: 30\r\nContent-Length: 20\r\n\r\nban")
            await peer.waitForEnd()
        } body: { port in
            // Shorter than the patience with bodies.
            try await Client.failure(Self.configuration(port) { $0.connectTimeout = .milliseconds(400) })
        }
        // On a machine too busy to connect in time there was no refusal.
        #expect(
            error?.code == .timeout || (error?.code == .upgradeRefused && error?.retryAfter == .seconds(30)), "\(String(describing: error))"
        )
    }

    @Test(
        "A refusal's head is enough, whatever its body is", .timeLimit(.minutes(1)),
        arguments: [
            "Content-Length: -5\r\n\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
            "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            "Transfer-Encoding: gzip, chunked\r\n\r\n", "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\u{1f}\u{b}\u{8}",
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n", "\r\n",
        ])
    func survivesBadBodies(rest: String) async throws {
        let error = try await Self.failure {
            Self.configuration($0)
        } answer: { _ in
            "HTTP/1.1 418 Banned\r\nRetry-After: 60\r\n" + rest
        }
        #expect(error?.code == .upgradeRefused && error?.status == 418 && error?.retryAfter == .seconds(60), "\(String(describing: error))")
    }

    @Test("Retry-After as a date is counted from the server's own clock; a redirect keeps it too", .timeLimit(.minutes(1)))
    func readsDates() async throws {
        let busy = try await Self.failure {
            Self.configuration($0)
        } answer: { _ in
            "HTTP/1.1 503 Busy\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:51:07 GMT\r\nContent-Length: 0\r\n\r\n"
        }
        #expect(busy?.status == 503 && busy?.retryAfter == .seconds(90))
        let moved = try await Self.failure {
            Self.configuration($0)
        } answer: { _ in
            "HTTP/1.1 307 Moved\r\nLocation: wss://other.test/?key=secret\r\nRetry-After: 5\r\n\r\n"
        }
        #expect(moved?.code == .redirect && moved?.retryAfter == .seconds(5) && moved?.description.contains("secret") == false)
    }

    @Test("A server that closes in the middle of its head is named", .timeLimit(.minutes(1)))
    func noticesTruncatedHeads() async throws {
        let error = try await ScriptedPeer.run { peer in
            _ = try await peer.readHead()
            try await peer.write("HTTP/1.1 101 Switching Protocols\r\nUpgr")
            peer.close()
            await peer.waitForEnd()
        } body: { port in
            try await Client.failure(Self.configuration(port))
        }
        #expect(error?.code == .closed && error?.description.contains("websocket upgrade") == true)
    }

    @Test("Interim answers without end are refused at 64 KiB", .timeLimit(.minutes(1)))
    func boundsInterimAnswers() async throws {
        let error = try await Self.failure {
            Self.configuration($0)
        } answer: { _ in
            String(repeating: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", count: 3000)
        }
        #expect(error?.code == .badUpgrade && error?.description.contains("65536") == true)
    }

    @Test("The upgrade names the client, unless the configuration does", .timeLimit(.minutes(1)))
    func namesItself() async throws {
        for (headers, agent) in [([(name: String, value: String)](), "colony"), ([("user-agent", "mine/1")], "mine/1")] {
            try await ScriptedPeer.run { peer in
                let request = try await peer.upgrade()
                #expect(request.lowercased().components(of: "user-agent:") == 1)
                #expect(PeerConnection.header("User-Agent", in: request) == agent)
                await peer.waitForEnd()
            } body: { port in
                let client = try await Client.open(Self.configuration(port) { $0.headers = headers })
                await client.onLoop { $0.abort() }
            }
        }
    }

    @Test("A head without end is refused at 64 KiB", .timeLimit(.minutes(1)))
    func boundsHeads() async throws {
        let error = try await Self.failure {
            Self.configuration($0)
        } answer: { _ in
            "HTTP/1.1 101 S\r\nX: " + String(repeating: "y", count: 80_000)
        }
        #expect(error?.code == .badUpgrade && error?.description.contains("65536") == true)
    }

    @Test("A server that speaks something else is named by its first bytes", .timeLimit(.minutes(1)))
    func noticesOtherProtocols() async throws {
        let error = try await Self.failure {
            Self.configuration($0)
        } answer: { _ in
            "220 smtp.example.test ESMTP\r\n"
        }
        #expect(error?.code == .badUpgrade && error?.description.contains("220") == false)
    }

    @Test("A bad URL fails after connect has returned, without a socket", .timeLimit(.minutes(1)))
    func failsLater() async throws {
        #expect(try await Client.failure(WebSocketConfiguration(url: "http://h/"))?.code == .badURL)
    }

    @Test("Nobody listening is refused, a name nobody knows is not resolved", .timeLimit(.minutes(1)))
    func tellsFailuresApart() async throws {
        try await ClosedPort.hold { port in
            let refused = try await Client.failure(Self.configuration(port))
            #expect(refused?.code == .refused)
        }
        let book = AddressBook { (host) throws(ResolveError) in throw ResolveError(text: "\(host) unknown here") }
        let error = try await Client.failure(WebSocketConfiguration(url: "ws://a.test/"), addressBook: book)
        #expect(error?.code == .resolve && error?.description.contains("a.test unknown here") == true)
    }

    @Test("The deadline holds for name resolution too", .timeLimit(.minutes(1)))
    func boundsResolution() async throws {
        let gate = Gate()
        let book = AddressBook { (_) throws(ResolveError) in
            gate.wait()
            throw ResolveError(text: "late")
        }
        var configuration = WebSocketConfiguration(url: "ws://slow.test/")
        configuration.connectTimeout = .milliseconds(100)
        let error = try await Client.failure(configuration, addressBook: book)
        gate.open()
        #expect(error?.code == .timeout && error?.description.contains("name resolution") == true)
    }

    @Test("With an address given the URL's host is only a name", .timeLimit(.minutes(1)))
    func goesToTheAddress() async throws {
        try await ScriptedPeer.run { peer in
            let request = try await peer.upgrade()
            #expect(PeerConnection.header("Host", in: request) == "exchange.test:9443")
            await peer.waitForEnd()
        } body: { port in
            var configuration = WebSocketConfiguration(url: "ws://exchange.test:9443/x")
            configuration.address = ("127.0.0.1", port)
            let client = try await Client.open(configuration)
            await client.onLoop { $0.abort() }
        }
    }

    @Test("A cancelled attempt completes with closed, once, and drops its socket", .timeLimit(.minutes(1)))
    func cancels() async throws {
        let error = try await ScriptedPeer.run { peer in
            _ = try await peer.readHead()
            await peer.waitForEnd()
        } body: { port in
            try await Client.cancelled(Self.configuration(port))
        }
        #expect(error?.code == .closed)
    }
}

extension String {
    /// How often `part` is in it.
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
