import NIOCore
import Testing

@testable import WebSocketClient

@Suite struct EchoTests {
    static let sizes = [0, 1, 7, 125, 126, 127, 65535, 65536, 1 << 20]

    @Test("Messages of every length class come back as they went, over ws and wss", .timeLimit(.minutes(1)), arguments: [false, true])
    func echoes(isSecure: Bool) async throws {
        try await TestTLS.withRoots { roots in
            try await EchoServer.run(isSecure ? Certificates.localhost : nil) { port in
                var configuration = WebSocketConfiguration(url: "\(isSecure ? "wss" : "ws")://localhost:\(port)/echo?x=1")
                configuration.roots = roots
                let client = try await Client.open(configuration)
                for size in Self.sizes {
                    let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 % 127) }
                    try await client.send(.text, bytes)
                    #expect(await client.next() == .message(.text, bytes), "text of \(size) bytes")
                    try await client.send(.binary, bytes)
                    #expect(await client.next() == .message(.binary, bytes), "binary of \(size) bytes")
                }
                await client.onLoop { $0.sendPing(.init(string: "are you there")) }
                #expect(await client.next() == .pong(Array("are you there".utf8)))
                await client.close(code: 1001, text: "going")
                #expect(await client.next() == .closed(.closedByUs(code: 1001)))
            }
        }
    }
}
