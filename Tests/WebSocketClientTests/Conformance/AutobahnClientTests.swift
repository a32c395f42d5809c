import Synchronization
import Testing

@testable import WebSocketClient

/// The echo client against a scripted stand-in of the suite's server.
@Suite struct AutobahnClientTests {
    @Test("It asks for the number of cases, echoes each to its end, whatever the end, and asks for the report", .timeLimit(.minutes(1)))
    func playsCases() async throws {
        let peer = try await ScriptedPeer.start()
        defer { peer.stop() }
        async let paths = serve(peer)
        let seen = Mutex<[Int]>([])
        try await AutobahnClient.run(url: "ws://127.0.0.1:\(peer.port)/", agent: "my agent/1") { number, _ in
            seen.withLock { $0.append(number) }
        }
        #expect(
            try await paths == [
                "/getCaseCount", "/runCase?case=1&agent=my%20agent%2F1", "/runCase?case=2&agent=my%20agent%2F1",
                "/runCase?case=3&agent=my%20agent%2F1",
                "/updateReports?agent=my%20agent%2F1",
            ]
        )
        #expect(seen.withLock { $0 } == [1, 2, 3])
    }

    private func serve(_ peer: ScriptedPeer) async throws -> [String] {
        var paths: [String] = []
        func accept() async throws -> PeerConnection {
            let connection = try await peer.accept()
            let request = try await connection.upgrade()
            paths.append(String(request.split(separator: " ")[1]))
            return connection
        }
        func close(_ connection: PeerConnection) async throws {
            try await connection.write(Frame.close(1000))
            #expect(try await connection.readFrame().opcode == 8)
            connection.close()
        }
        let count = try await accept()
        try await count.write(Frame.text("3"))
        try await close(count)
        let echo = try await accept()
        try await echo.write(Frame.text("text") + Frame.binary([0, 1]))
        #expect(try await echo.readFrame().text == "text")
        let binary = try await echo.readFrame()
        #expect(binary.opcode == 2 && binary.payload == [0, 1])
        try await close(echo)
        let broken = try await accept()
        try await broken.write(Frame.make(3, []))
        #expect(try await broken.readFrame().opcode == 8)
        broken.close()
        let reset = try await accept()
        reset.reset()
        try await close(accept())
        return paths
    }

    @Test("A server that does not say how many cases it has is no suite", .timeLimit(.minutes(1)))
    func refusesOthers() async throws {
        await #expect(throws: AutobahnError.self) {
            try await ScriptedPeer.run { peer in
                try await peer.upgrade(behind: Frame.text("hello") + Frame.close(1000))
                _ = try await peer.readFrame()
                peer.close()
            } body: { port in
                try await AutobahnClient.run(url: "ws://127.0.0.1:\(port)", agent: "x")
            }
        }
    }

    @Test("Cancelling ends it", .timeLimit(.minutes(1)))
    func cancels() async throws {
        try await ScriptedPeer.run { peer in
            try await peer.upgrade()
            await peer.waitForEnd()
        } body: { port in
            let task = Task { try await AutobahnClient.run(url: "ws://127.0.0.1:\(port)", agent: "x") }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }
}
