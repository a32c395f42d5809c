import NIOCore
import NIOPosix
import Testing

@testable import WebSocketClient

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The client against the `websockets` package of PyPI, where Python has it.
@Suite(.serialized) struct PythonJudgeTests {
    private static let script =
        String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex)) + "/../Judges/echo_server.py"

    static let isAvailable = output("python3 -c 'import websockets.asyncio.server; print(1)' 2>/dev/null") == "1"

    @Test(
        "An independent server understands every variant of deflate, and is understood",
        .enabled(if: isAvailable, "needs python3 with the package websockets (pip install websockets)"),
        .timeLimit(.minutes(1)),
        arguments: ["0 0 0 0", "0 0 1 1", "9 9 0 0", "12 10 1 0", "15 8 0 1", "9 15 1 1"]
    )
    func talks(arguments: String) async throws {
        // Waiting for Python blocks a thread: not one of those that run tests.
        let (server, first) = try await NIOThreadPool.singleton.runIfActive { () -> (Process, String?) in
            let process = Process(stream: popen("exec python3 '\(Self.script)' \(arguments)", "r"))
            return (process, Self.line(process.stream))
        }
        defer { if let stream = server.stream { pclose(stream) } }
        let port = try #require(first.flatMap { Int($0) })
        var configuration = WebSocketConfiguration(url: "ws://127.0.0.1:\(port)/")
        configuration.offersDeflate = true
        let bits = try #require(arguments.split(separator: " ").first)
        configuration.deflateOffer.serverMaxWindowBits = bits == "0" ? nil : Int(bits)
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
        configuration.url += "quit"
        await (try Client.open(configuration)).onLoop { $0.abort() }
    }

    /// A child process and its output. Sendable: handed from the thread that started it to the test, never used by both.
    private struct Process: @unchecked Sendable {
        var stream: UnsafeMutablePointer<FILE>?
    }

    private static func line(_ stream: UnsafeMutablePointer<FILE>?) -> String? {
        guard let stream else { return nil }
        var buffer = [CChar](repeating: 0, count: 100)
        guard fgets(&buffer, 100, stream) != nil else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func output(_ command: String) -> String? {
        let stream = popen(command, "r")
        defer { if let stream { pclose(stream) } }
        return line(stream)
    }
}
