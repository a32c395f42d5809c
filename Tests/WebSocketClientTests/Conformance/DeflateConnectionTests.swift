import NIOCore
import Testing

@testable import WebSocketClient

/// permessage-deflate over a socket, in every variant a server may choose (Autobahn groups 12 and 13).
@Suite struct DeflateConnectionTests {
    struct Variant: Sendable, CustomTestStringConvertible {
        var answer: String
        var serverBits = 15
        var clientBits = 15
        var serverKeeps = true
        var clientKeeps = true

        var testDescription: String { answer.isEmpty ? "plain" : answer }
    }

    static let variants: [Variant] = [
        .init(answer: ""),
        .init(answer: "; server_no_context_takeover", serverKeeps: false),
        .init(answer: "; client_no_context_takeover", clientKeeps: false),
        .init(answer: "; server_no_context_takeover; client_no_context_takeover", serverKeeps: false, clientKeeps: false),
        .init(answer: "; server_max_window_bits=9", serverBits: 9),
        .init(answer: "; server_max_window_bits=8", serverBits: 8),
        .init(answer: "; client_max_window_bits=9", clientBits: 9),
        .init(answer: "; client_max_window_bits=8", clientBits: 8),
        .init(answer: "; client_max_window_bits=15; server_max_window_bits=15"),
        .init(
            answer: "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9",
            serverBits: 9, clientBits: 9, serverKeeps: false, clientKeeps: false
        ),
    ]

    private static func configuration(_ port: Int) -> WebSocketConfiguration {
        var configuration = WebSocketConfiguration(url: "ws://127.0.0.1:\(port)/")
        configuration.offersDeflate = true
        return configuration
    }

    private static func pack(_ deflater: Deflater, _ bytes: [UInt8], keeps: Bool) -> [UInt8] {
        var output = ByteBuffer()
        bytes.withUnsafeBytes { deflater.deflateMessage($0, keepsContext: keeps, into: &output) }
        return Array(output.readableBytesView)
    }

    @Test(
        "Messages of every size go both ways in every variant, whole and in compressed fragments", .timeLimit(.minutes(1)),
        arguments: variants)
    func talks(variant: Variant) async throws {
        let sizes = [1, 16, 64, 256, 1024, 4096, 16384, 131_072]
        let texts = sizes.map { size in String((0..<size).map { "abc {\"x\":1}\n"[$0 * $0 % 12] }) }
        try await ScriptedPeer.run { peer in
            let request = try await peer.readHead()
            #expect(PeerConnection.header("Sec-WebSocket-Extensions", in: request) == "permessage-deflate; client_max_window_bits")
            try await peer.write(
                PeerConnection.answer(to: request, extra: "Sec-WebSocket-Extensions: permessage-deflate\(variant.answer)\r\n"))
            let deflater = try Deflater(.raw, windowBits: variant.serverBits)
            // Exactly the window agreed on: a client that reaches further back, or keeps context it may not keep, cannot be inflated.
            let inflater = try Inflater(.raw, windowBits: variant.clientBits)
            for text in texts {
                let packed = Self.pack(deflater, Array(text.utf8), keeps: variant.serverKeeps)
                let middle = packed.count / 2
                try await peer.write(
                    Frame.make(1, Array(packed.prefix(middle)), fin: false, rsv: 4) + Frame.ping()
                        + Frame.make(0, Array(packed.dropFirst(middle)))
                )
                #expect(try await peer.readFrame().opcode == 10)
                let frame = try await peer.readFrame()
                #expect(frame.first == 0xc1)
                var output = ByteBuffer()
                try frame.payload.withUnsafeBytes {
                    try inflater.inflateMessage($0, limit: 1 << 20, keepsContext: variant.clientKeeps, into: &output)
                }
                #expect(String(buffer: output) == text)
            }
            // A server need not compress everything.
            try await peer.write(Frame.text("plain") + Frame.close(1000))
            _ = try await peer.readFrame()
            #expect(try await peer.readFrame().payload == [0x03, 0xe8])
            peer.close()
        } body: { port in
            let client = try await Client.open(Self.configuration(port)) { connection, listener in
                listener.react = { event in
                    if case .message(let kind, let bytes) = event { connection.send(kind, ByteBuffer(bytes: bytes), promise: nil) }
                }
            }
            #expect(client.upgrade.negotiatedDeflate)
            let heard = await client.rest()
            #expect(
                heard.filter { $0 != .ping([]) } == texts.map { .text($0) } + [
                    .text("plain"), .closed(.closedByPeer(code: 1000, text: "")),
                ])
        }
    }

    private static func violation(_ frames: @escaping @Sendable (Deflater) -> [UInt8], limit: Int = 16 << 20) async throws -> UInt16? {
        try await ScriptedPeer.run { peer in
            let request = try await peer.readHead()
            try await peer.write(PeerConnection.answer(to: request, extra: "Sec-WebSocket-Extensions: permessage-deflate\r\n"))
            try await peer.write(frames(Deflater(.raw)))
            _ = try await peer.readFrame()
            peer.close()
        } body: { port in
            var configuration = Self.configuration(port)
            configuration.maxMessageBytes = limit
            let client = try await Client.open(configuration)
            let heard = await client.rest()
            if case .closed(.violation(let code, _))? = heard.last, heard.count == 1 { return code }
            return nil
        }
    }

    @Test("A bomb is refused with 1009 before it is inflated", .timeLimit(.minutes(1)))
    func refusesBombs() async throws {
        let zeros = [UInt8](repeating: 0, count: 15 << 20)
        #expect(try await Self.violation { Frame.make(2, Self.pack($0, zeros, keeps: true), rsv: 4) } == 1009, "by its ratio")
        let honest = (0..<20_000).flatMap { Array("\($0 &* 7919)".utf8) }
        #expect(
            try await Self.violation({ Frame.make(2, Self.pack($0, honest, keeps: true), rsv: 4) }, limit: 50_000) == 1009, "by the limit")
    }

    @Test("Invalid text, damaged data and misplaced bits inside compression are refused", .timeLimit(.minutes(1)))
    func refusesDamage() async throws {
        #expect(try await Self.violation { Frame.make(1, Self.pack($0, [0x61, 0xff], keeps: true), rsv: 4) } == 1007)
        #expect(
            try await Self.violation { Frame.make(1, Array(Self.pack($0, Array("κόσμε".utf8).dropLast(), keeps: true)), rsv: 4) } == 1007)
        #expect(try await Self.violation { _ in Frame.make(2, [0xff, 0xff, 0xff], rsv: 4) } == 1007)
        #expect(try await Self.violation { Frame.make(2, Array(Self.pack($0, [1, 2, 3], keeps: true).dropLast(2)), rsv: 4) } == 1007)
        #expect(try await Self.violation { _ in Frame.make(9, [], rsv: 4) } == 1002, "a compressed ping")
        #expect(
            try await Self.violation { _ in Frame.make(1, [0x4a], fin: false, rsv: 4) + Frame.make(0, [0x4c], rsv: 4) } == 1002,
            "bit 1 on a continuation")
    }

    @Test("An empty message is sent plain, and an empty compressed one is received", .timeLimit(.minutes(1)))
    func handlesEmpty() async throws {
        try await ScriptedPeer.run { peer in
            let request = try await peer.readHead()
            try await peer.write(PeerConnection.answer(to: request, extra: "Sec-WebSocket-Extensions: permessage-deflate\r\n"))
            try await peer.write(Frame.make(1, [0], rsv: 4))
            let frame = try await peer.readFrame()
            #expect(frame.first == 0x81 && frame.payload.isEmpty)
        } body: { port in
            let client = try await Client.open(Self.configuration(port))
            #expect(await client.next() == .text(""))
            try await client.send("")
            await client.onLoop { $0.abort() }
        }
    }

    @Test("A server that declines gets plain frames", .timeLimit(.minutes(1)))
    func staysPlain() async throws {
        try await ScriptedPeer.run { peer in
            try await peer.upgrade()
            #expect(try await peer.readFrame().first == 0x81)
        } body: { port in
            let client = try await Client.open(Self.configuration(port))
            #expect(!client.upgrade.negotiatedDeflate)
            try await client.send("plain")
            await client.onLoop { $0.abort() }
        }
    }
}

extension String {
    fileprivate subscript(_ offset: Int) -> Character { self[index(startIndex, offsetBy: offset)] }
}
