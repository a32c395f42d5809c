import NIOCore
import Testing

@testable import WebSocketClient

/// The client against the `websockets` package of PyPI, where Python has it.
@Suite(.serialized) struct PythonJudgeTests {
    @Test(
        "An independent server understands every variant of deflate, and is understood",
        .enabled("needs python3 with the package websockets (pip install websockets)") {
            try await PythonServer.can("import websockets.asyncio.server")
        },
        .timeLimit(.minutes(1)),
        arguments: ["0 0 0 0", "0 0 1 1", "9 9 0 0", "12 10 1 0", "15 8 0 1", "9 15 1 1"]
    )
    func talks(arguments: String) async throws {
        try await PythonServer.run("echo_server.py", arguments.split(separator: " ").map(String.init)) { port in
            var configuration = WebSocketConfiguration(url: "ws://127.0.0.1:\(port)/")
            configuration.offersDeflate = true
            let bits = try #require(arguments.split(separator: " ").first)
            configuration.deflateOffer.serverMaxWindowBits = bits == "0" ? nil : Int(bits)
            try await talk(configuration)
        }
    }

    private func talk(_ configuration: WebSocketConfiguration) async throws {
        let client = try await Client.open(configuration)
        #expect(client.upgrade.negotiatedDeflate)
        for size in [0, 1, 125, 126, 5000, 65535, 300_000] {
            let text = Array(String(repeating: #"{"e":"trade","s":"BTCUSDT","p":"43210.5"} "#, count: size / 40 + 1).utf8.prefix(size))
            try await client.send(.text, text)
            #expect(await client.next() == .message(.text, text), "text of \(size)")
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 2_654_435_761 >> 9) }
            try await client.send(.binary, bytes)
            #expect(await client.next() == .message(.binary, bytes), "binary of \(size)")
        }
        await client.onLoop { $0.sendPing(ByteBuffer(string: "ping")) }
        #expect(await client.next() == .pong(Array("ping".utf8)))
        await client.close(code: 1000)
        #expect(await client.next() == .closed(.closedByUs(code: 1000)))
    }
}
