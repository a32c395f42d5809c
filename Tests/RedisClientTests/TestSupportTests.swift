import Foundation
import NIOCore
import NIOPosix
import RedisClient
import TestSupport
import Testing

/// The tools the other tests believe in.
@Suite(.timeLimit(.minutes(1)))
struct TestSupportTests {
    @Test func `a child's exit code, signal and output are told apart`() async throws {
        let orderly = try await ChildProcess.spawn("/bin/sh", ["-c", "echo out; echo err >&2; printf unfinished; exit 7"])
        #expect(try await orderly.waitForExit() == .code(7))
        try await orderly.output.waitFor("unfinished")
        #expect(orderly.output.text == "out\nerr\nunfinished")
        #expect(!orderly.signal(SIGKILL))

        let endless = try await ChildProcess.spawn("/bin/sh", ["-c", "echo ready; exec tail -f /dev/null"])
        try await endless.output.waitFor("ready")
        #expect(endless.signal(SIGTERM))
        #expect(try await endless.waitForExit() == .signal(SIGTERM))
    }

    @Test func `waiting for output ends with the output, with the time, or with the line`() async throws {
        let child = try await ChildProcess.spawn("/bin/sh", ["-c", "echo \"$WORD\"; read -r line"], environment: ["WORD": "hello"])
        try await child.output.waitFor("ell")
        await #expect(throws: FaultInjectionError.self) { try await child.output.waitFor("never", timeout: .seconds(60)) }
        let frozen = try await ChildProcess.spawn("/bin/sh", ["-c", "kill -STOP $$"])
        await #expect(throws: FaultInjectionError.self) { try await frozen.output.waitFor("never", timeout: .milliseconds(20)) }
        frozen.signal(SIGKILL)
        await #expect(throws: FaultInjectionError.self) { try await ChildProcess.spawn("/no/such/program") }
    }

    @Test func `a server leaves neither process nor directory behind, also when the test throws`() async throws {
        struct Thrown: Error {}
        let (processes, sink) = AsyncStream.makeStream(of: (Int32, String).self)
        await #expect(throws: Thrown.self) {
            try await withRedis { server in
                sink.yield((server.pid, server.directory))
                throw Thrown()
            }
        }
        sink.finish()
        for await (pid, directory) in processes {
            #expect(kill(pid, 0) == -1)
            #expect(!FileManager.default.fileExists(atPath: directory))
        }
    }

    @Test func `a server that cannot start says why`() async throws {
        let error = await #expect(throws: FaultInjectionError.self) {
            try await RedisServer.start(.init(directives: ["no-such-directive yes"]))
        }
        #expect(error?.description.contains("no-such-directive") == true)
    }

    @Test func `a frozen server stays silent until it is thawed`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            server.freeze()
            async let reply = connection.send(["PING"], timeout: .seconds(30))
            server.thaw()
            #expect(try await reply == .status("PONG"))
        }
    }

    @Test func `the proxy forwards exactly the armed number of bytes`() async throws {
        try await withRedis { server in
            try await withFaultProxy(to: server.endpoint.address) { proxy in
                let connection = try await server.connect(to: RedisEndpoint(address: proxy.address))
                let before = try await proxy.forwardedByteCount(.clientToServer)
                try await proxy.arm(.close, after: 10, .clientToServer)
                await #expect(throws: RedisError.self) {
                    try await connection.send(["ECHO", "more than ten bytes"], timeout: .seconds(30))
                }
                #expect(try await proxy.forwardedByteCount(.clientToServer) == before + 10)
            }
        }
    }
}
