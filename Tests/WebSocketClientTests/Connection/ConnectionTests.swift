import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import WebSocketClient

/// An open websocket against a peer that is scripted byte by byte.
@Suite struct ConnectionTests {
    static func configuration(_ port: Int, _ change: (inout WebSocketConfiguration) -> Void = { _ in }) -> WebSocketConfiguration {
        var configuration = WebSocketConfiguration(url: "ws://127.0.0.1:\(port)/")
        change(&configuration)
        return configuration
    }

    private static func run<Value: Sendable>(
        _ change: @escaping @Sendable (inout WebSocketConfiguration) -> Void = { _ in },
        script: @escaping @Sendable (PeerConnection) async throws -> Void,
        body: @escaping @Sendable (Client) async throws -> Value
    ) async throws -> Value {
        try await ScriptedPeer.run { peer in
            try await peer.upgrade()
            try await script(peer)
            await peer.waitForEnd()
        } body: { port in
            try await body(Client.open(configuration(port, change)))
        }
    }

    // MARK: The end

    @Test("The peer's close is echoed with its code, and its text is reported", .timeLimit(.minutes(1)))
    func echoesClose() async throws {
        try await Self.run { peer in
            try await peer.write(Frame.close(4001, "maintenance") + Frame.text("not to be heard"))
            let answer = try await peer.readFrame()
            #expect(answer.opcode == 8 && answer.isMasked && answer.payload == [0x0f, 0xa1])
            peer.close()
        } body: { client in
            #expect(await client.rest() == [.closed(.closedByPeer(code: 4001, text: "maintenance"))])
        }
    }

    @Test("A close without a code is echoed without one", .timeLimit(.minutes(1)))
    func echoesEmptyClose() async throws {
        try await Self.run { peer in
            try await peer.write(Frame.close())
            #expect(try await peer.readFrame().payload.isEmpty)
            peer.close()
        } body: { client in
            #expect(await client.rest() == [.closed(.closedByPeer(code: 1005, text: ""))])
        }
    }

    @Test("Our close waits for the peer's; what the peer still had to say is delivered", .timeLimit(.minutes(1)))
    func closes() async throws {
        try await Self.run { peer in
            let close = try await peer.readFrame()
            #expect(close.opcode == 8 && close.payload == [0x03, 0xe9] + Array("enough".utf8))
            try await peer.write(Frame.text("last words") + Frame.ping("not answered") + Frame.close(1001))
        } body: { client in
            await client.close(code: 1001, text: "enough")
            #expect(await client.rest() == [.text("last words"), .ping(Array("not answered".utf8)), .closed(.closedByUs(code: 1001))])
        }
    }

    @Test("A peer that does not answer our close is reset in time", .timeLimit(.minutes(1)))
    func givesUpClosing() async throws {
        try await Self.run { _ in
        } body: { client in
            await client.close(code: 1000, within: .milliseconds(50))
            #expect(await client.rest() == [.closed(.closedByUs(code: 1000))])
        }
    }

    @Test("A peer that sends a close and never closes is reset after the close timeout", .timeLimit(.minutes(1)))
    func givesUpLingering() async throws {
        try await Self.run {
            $0.closeTimeout = .milliseconds(50)
        } script: { peer in
            try await peer.write(Frame.close(1000))
        } body: { client in
            #expect(await client.rest() == [.closed(.closedByPeer(code: 1000, text: ""))])
        }
    }

    @Test("The same holds under TLS, where a peer that does not say good-bye cannot delay the end", .timeLimit(.minutes(1)))
    func givesUpUnderTLS() async throws {
        try await TestTLS.withRoots { roots in
            try await ScriptedPeer.run(Certificates.localhost) { peer in
                try await peer.upgrade(behind: Frame.text("up"))
                await peer.waitForEnd()
            } body: { port in
                var configuration = WebSocketConfiguration(url: "wss://localhost:\(port)/")
                configuration.roots = roots
                let client = try await Client.open(configuration)
                #expect(await client.next() == .text("up"))
                await client.close(code: 1000, within: .milliseconds(50))
                #expect(await client.rest() == [.closed(.closedByUs(code: 1000))])
            }
        }
    }

    @Test("FIN, reset and close frame are different ends", .timeLimit(.minutes(1)))
    func tellsEndsApart() async throws {
        let fin = try await Self.run {
            $0.close()
        } body: {
            await $0.rest()
        }
        #expect(fin == [.closed(.endOfStream)])
        let reset = try await Self.run {
            $0.reset()
        } body: {
            await $0.rest()
        }
        guard case .closed(.reset(let text)) = reset.first else { throw PeerError("not a reset: \(reset)") }
        #expect(text == "connection reset by peer, between frames")
        let cut = try await Self.run { peer in
            try await peer.write(Frame.ping("read?") + Frame.text("cut in the middle").prefix(7))
            // Its answer proves that the bytes of the same segment have been read.
            #expect(try await peer.readFrame().opcode == 10)
            peer.reset()
        } body: {
            await $0.rest()
        }
        #expect(cut.last == .closed(.reset("connection reset by peer, in mid-frame")))
    }

    @Test(
        "The system asks a silent peer whether it is still there, within half a minute", .timeLimit(.minutes(1)),
        .enabled(if: !SilenceProbe.options.isEmpty))
    func probesSilentPeers() async throws {
        try await Self.run { peer in
            let close = try await peer.readFrame()
            #expect(close.opcode == 8)
            peer.close()
        } body: { client in
            let values = try await client.eventLoop.flatSubmit {
                let channel = client.connection.value.channel
                let options = [.socketOption(.so_keepalive)] + SilenceProbe.options.map(\.option)
                return EventLoopFuture.whenAllSucceed(options.map { channel.getOption($0) }, on: client.eventLoop)
            }.get()
            #expect(values == [1, 15, 5, 3])
            await client.close()
            _ = await client.rest()
        }
    }

    @Test("A child process of the tests does not keep a connection open that its peer has closed", .timeLimit(.minutes(1)))
    func endsBesideChildren() async throws {
        let heard = try await Self.run { peer in
            let child = try await ChildProcess.spawn("sleep", ["1000"])
            try await peer.write(Frame.text("a child is there"))
            peer.close()
            // It lives until the client has heard of the end.
            _ = try await child.waitForExit()
        } body: { client in
            await client.rest()
        }
        #expect(heard == [.text("a child is there"), .closed(.endOfStream)])
    }

    @Test("A FIN inside a frame delivers nothing of it", .timeLimit(.minutes(1)))
    func dropsCutFrames() async throws {
        let heard = try await Self.run { peer in
            try await peer.write(Frame.text("whole") + Frame.text("cut off").dropLast())
            peer.close()
        } body: {
            await $0.rest()
        }
        #expect(heard == [.text("whole"), .closed(.endOfStream)])
    }

    @Test("A broken rule is answered with its code, and nothing after it is delivered", .timeLimit(.minutes(1)))
    func answersViolations() async throws {
        let rows: [(bytes: [UInt8], code: UInt16)] = [
            (Frame.make(3, []), 1002), (Frame.text([0xff]), 1007), ([0x82, 127, 0, 0, 0, 0, 1, 0, 0, 1], 1009),
            (Frame.make(1, [0], rsv: 4), 1002),
        ]
        for row in rows {
            let heard = try await Self.run { peer in
                try await peer.write(Frame.text("before") + row.bytes + Frame.text("after"))
                let close = try await peer.readFrame()
                #expect(close.opcode == 8 && close.payload.starts(with: [UInt8(row.code >> 8), UInt8(row.code & 0xff)]))
                peer.close()
            } body: {
                await $0.rest()
            }
            #expect(heard.count == 2 && heard.first == .text("before"))
            guard case .closed(.violation(row.code, _)) = heard.last else { throw PeerError("not a violation: \(heard)") }
        }
    }

    @Test("Abort ends at once, with a reset, and is reported as ours", .timeLimit(.minutes(1)))
    func aborts() async throws {
        try await Self.run { _ in
        } body: { client in
            await client.onLoop { $0.abort() }
            #expect(await client.rest() == [.closed(.closedByUs(code: 1006))])
            await #expect(throws: WebSocketSendError.closed) { try await client.send("late") }
        }
    }

    @Test("Abort within a delivery lets nothing follow but the end", .timeLimit(.minutes(1)))
    func abortsWithinDelivery() async throws {
        let heard = try await ScriptedPeer.run { peer in
            try await peer.upgrade(behind: Frame.text("one") + Frame.text("two") + Frame.text("three"))
            await peer.waitForEnd()
        } body: { port in
            let client = try await Client.open(Self.configuration(port)) { connection, listener in
                listener.react = { if $0 == .text("two") { connection.abort() } }
            }
            var all: [Heard] = []
            for await event in client.events { all.append(event) }
            return all
        }
        #expect(heard == [.text("one"), .text("two"), .burstEnded, .closed(.closedByUs(code: 1006))])
    }

    @Test("Sends after a close, and pings, do nothing; sends fail", .timeLimit(.minutes(1)))
    func failsLateSends() async throws {
        try await Self.run { peer in
            #expect(try await peer.readFrame().opcode == 8)
            try await peer.write(Frame.close(1000))
            await peer.waitForEnd()
        } body: { client in
            await client.onLoop { connection in
                connection.close(code: 1000, text: "", within: .seconds(5))
                connection.sendPing(ByteBuffer(string: "late"))
                connection.close(code: 1001, text: "", within: .seconds(5))
            }
            await #expect(throws: WebSocketSendError.closed) { try await client.send("late") }
            #expect(await client.rest() == [.closed(.closedByUs(code: 1000))])
        }
    }

    // MARK: Bursts

    @Test("Messages of one read make one burst; what is sent within it goes out in one write, in order", .timeLimit(.minutes(1)))
    func gathersBursts() async throws {
        try await ScriptedPeer.run { peer in
            try await peer.upgrade(behind: Frame.text("a") + Frame.ping("p") + Frame.text("b"))
            let frames = try await [peer.readFrame(), peer.readFrame(), peer.readFrame(), peer.readFrame()]
            #expect(frames.map(\.text) == ["echo a", "p", "echo b", "end"])
            #expect(frames.map(\.opcode) == [1, 10, 1, 1])
            #expect(Set(frames.map(\.key)).count > 1, "each frame has its own key")
            await peer.waitForEnd()
        } body: { port in
            let client = try await Client.open(Self.configuration(port)) { connection, listener in
                listener.react = { event in
                    switch event {
                    case .message(.text, let bytes):
                        connection.send(.text, ByteBuffer(string: "echo " + String(decoding: bytes, as: UTF8.self)), promise: nil)
                    case .burstEnded: connection.send(.text, ByteBuffer(string: "end"), promise: nil)
                    default: break
                    }
                }
            }
            var heard: [Heard] = []
            for await event in client.events {
                heard.append(event)
                if event == .burstEnded { break }
            }
            #expect(heard == [.text("a"), .ping(Array("p".utf8)), .text("b"), .burstEnded])
            await client.onLoop { $0.abort() }
        }
    }

    @Test("A ping in the middle of a fragmented message is answered before the message ends", .timeLimit(.minutes(1)))
    func answersPingsInMessages() async throws {
        try await Self.run { peer in
            try await peer.write(Frame.text("begin ", fin: false) + Frame.ping("now"))
            let pong = try await peer.readFrame()
            #expect(pong.opcode == 10 && pong.text == "now")
            try await peer.write(Frame.continuation("end", fin: true))
        } body: { client in
            #expect(await client.next() == .ping(Array("now".utf8)))
            #expect(await client.next() == .text("begin end"))
            await client.onLoop { $0.abort() }
        }
    }

    @Test("A flood of pings is answered in order, up to the last, by a client whose answers nobody reads at first", .timeLimit(.minutes(1)))
    func survivesPingFloods() async throws {
        let count = 5000
        try await ScriptedPeer.run { peer in
            try await peer.upgradeAndStopReading()
            try await peer.write((0..<count).flatMap { Frame.ping("\($0) " + String(repeating: "x", count: 100)) })
            try await peer.startReading()
            var last = -1
            while last < count - 1 {
                let frame = try await peer.readFrame()
                let number = try #require(frame.text.split(separator: " ").first.flatMap { Int($0) })
                #expect(frame.opcode == 10 && number > last)
                last = number
            }
            try await peer.write(Frame.close(1000))
        } body: { port in
            let client = try await Client.open(Self.configuration(port))
            #expect(await client.rest().count == count + 1)
        }
    }

    // MARK: Back-pressure

    @Test(
        "While reading is off nothing is delivered; switched on, everything comes, also under TLS", .timeLimit(.minutes(1)),
        arguments: [false, true])
    func withholdsReads(isSecure: Bool) async throws {
        let message = String(repeating: "m", count: 1000)
        let (written, writing) = AsyncStream.makeStream(of: Void.self)
        try await TestTLS.withRoots { roots in
            try await ScriptedPeer.run(isSecure ? Certificates.localhost : nil) { peer in
                try await peer.upgrade(behind: Frame.text("stop"))
                // The client's answer to the first message: it has stopped reading.
                #expect(try await peer.readFrame().text == "stopped")
                try await peer.write((0..<100).flatMap { _ in Frame.text(message) })
                writing.yield()
                #expect(try await peer.readFrame().text == "go on")
                try await peer.write(Frame.close(1000))
                await peer.waitForEnd()
            } body: { port in
                var configuration = WebSocketConfiguration(url: "\(isSecure ? "wss" : "ws")://localhost:\(port)/")
                configuration.roots = roots
                let client = try await Client.open(configuration) { connection, listener in
                    listener.react = { event in
                        guard event == .text("stop") else { return }
                        connection.isReading = false
                        connection.send(.text, ByteBuffer(string: "stopped"), promise: nil)
                    }
                }
                #expect(await client.next() == .text("stop"))
                // All bytes are with the kernel; a turn of the loop would read them, if it were to.
                for await _ in written { break }
                for _ in 0..<3 { await client.onLoop { _ in } }
                await client.onLoop { connection in
                    connection.send(.text, ByteBuffer(string: "go on"), promise: nil)
                    #expect(client.listener.value.count == 2, "the message and the end of its burst")
                    connection.isReading = true
                }
                let rest = await client.rest()
                #expect(rest.count == 101 && rest.dropLast().allSatisfy { $0 == .text(message) })
            }
        }
    }

    @Test("Closing while reading is off drops what comes and still ends in an orderly way", .timeLimit(.minutes(1)))
    func closesDeaf() async throws {
        try await Self.run { peer in
            #expect(try await peer.readFrame().opcode == 8)
            try await peer.write(Frame.text("too late") + Frame.close(1000))
            await peer.waitForEnd()
        } body: { client in
            await client.onLoop { connection in
                connection.isReading = false
                connection.close(code: 1000, text: "", within: .seconds(20))
            }
            #expect(await client.rest() == [.closed(.closedByUs(code: 1000))])
        }
    }

    @Test("A peer that does not read makes sends fail beyond 16 MiB", .timeLimit(.minutes(1)))
    func boundsSends() async throws {
        try await ScriptedPeer.run { peer in
            try await peer.upgradeAndStopReading()
            await peer.waitForEnd()
        } body: { port in
            let client = try await Client.open(Self.configuration(port))
            let block = ByteBuffer(repeating: 1, count: 1 << 20)
            let failed = client.eventLoop.makePromise(of: Void.self)
            await client.onLoop { connection in
                for _ in 0..<64 { connection.send(.binary, block, promise: nil) }
                connection.send(.binary, block, promise: failed)
            }
            await #expect { try await failed.futureResult.get() } throws: { error in
                if case WebSocketSendError.backlog(let bytes) = error { bytes <= Outbox.maxUnsentBytes } else { false }
            }
            await client.onLoop { $0.abort() }
            #expect(await client.rest() == [.closed(.closedByUs(code: 1006))])
        }
    }
}
