import NIOCore
import NIOPosix
import RedisClient
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct PipelineTests {
    @Test func `two thousand calls at once get each its own reply`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            try await withThrowingTaskGroup { group in
                for number in 0..<2_000 {
                    group.addTask { (number, try await connection.send(["ECHO", RedisArgument(number)], timeout: .seconds(30)).integer) }
                }
                for try await (number, echoed) in group { #expect(echoed == Int64(number)) }
            }
        }
    }

    @Test func `written commands are executed and answered in order, and none before the flush`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            let replies: [Int64?] = try await connection.eventLoop.flatSubmit {
                let done = connection.eventLoop.makePromise(of: [Int64?].self)
                let replies = NIOLoopBoundBox<[Int64?]>([], eventLoop: connection.eventLoop)
                for number in 1...500 {
                    var head = ByteBuffer()
                    RedisCommandEncoder.appendHeader(argumentCount: 3, to: &head)
                    RedisCommandEncoder.append("APPEND" as StaticString, to: &head)
                    RedisCommandEncoder.append("colony:key" as StaticString, to: &head)
                    RedisCommandEncoder.appendBulkHeader(length: 1, to: &head)
                    let parts = [head, ByteBuffer(string: "x"), ByteBuffer(string: "\r\n")]
                    connection.write(parts, timeout: .seconds(20)) { result in
                        replies.value.append(try? result.get().integer)
                        if number == 500 { done.succeed(replies.value) }
                    }
                }
                connection.flush()
                return done.futureResult
            }.get()
            #expect(replies == (1...500).map { Int64($0) })
        }
    }

    @Test func `twenty megabytes go there and back unchanged`() async throws {
        try await withRedis { server in
            let connection = try await server.connect(to: server.tcpEndpoint)
            var value = ByteBuffer()
            for number in 0..<(20 * 1024 * 1024 / 8) { value.writeInteger(UInt64(number) &* 0x9E37_79B9_7F4A_7C15) }
            _ = try await connection.send(["SET", "colony:key", .bytes(value)], timeout: .seconds(60))
            let reply = try await connection.send(["GET", "colony:key"], timeout: .seconds(60))
            #expect(reply == .bytes(value))
            #expect(try await connection.send(["STRLEN", "colony:key"]) == .integer(20 * 1024 * 1024))
        }
    }

    @Test func `a reply over the connection's limit is a protocol violation`() async throws {
        try await withRedis { server in
            _ = try await server.connect().send(
                ["SET", "colony:key", .string(String(repeating: "x", count: 2_000_000))], timeout: .seconds(20))
            let connection = try await RedisConnection.connect(
                to: server.endpoint, on: MultiThreadedEventLoopGroup.singleton.next(), timeout: .seconds(20),
                options: .init(maximumReplyBytes: 1_000_000)
            )
            let error = await #expect(throws: RedisError.self) { try await connection.send(["GET", "colony:key"], timeout: .seconds(20)) }
            #expect(error?.code == .protocolViolation)
            try await connection.closeFuture.get()
        }
    }

    @Test func `nested replies keep their shape`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            let script: RedisArgument = "return {1, 'two', {3, {redis.status_reply('four'), {}}}, redis.error_reply('ERR five'), false}"
            let reply = try await connection.send(["EVAL", script, 0])
            let expected: RedisValue = .array([
                .integer(1), .bytes(ByteBuffer(string: "two")), .array([.integer(3), .array([.status("four"), .array([])])]),
                .error(.init(text: "ERR five")), .null,
            ])
            #expect(reply == expected)
        }
    }

    @Test func `a stalled server times the call out, loses the calls behind it and closes`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            server.freeze()
            async let first = code { try await connection.send(["GET", "colony:key"], timeout: .milliseconds(100)) }
            #expect(await first == .timeout)
            try await connection.closeFuture.get()
            #expect(await code { try await connection.send(["GET", "colony:key"]) } == .connectionLost)
        }
    }

    @Test func `calls behind one that timed out are lost, with their fate unknown`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            server.freeze()
            let codes: [RedisError.Code?] = try await connection.eventLoop.flatSubmit {
                let done = connection.eventLoop.makePromise(of: [RedisError.Code?].self)
                let codes = NIOLoopBoundBox<[RedisError.Code?]>([], eventLoop: connection.eventLoop)
                for milliseconds in [50, 5_000, 5_000] {
                    connection.write(ByteBuffer(string: "PING\r\n"), timeout: .milliseconds(milliseconds)) { result in
                        if case .failure(let error) = result { codes.value.append(error.code) } else { codes.value.append(nil) }
                        if codes.value.count == 3 { done.succeed(codes.value) }
                    }
                }
                connection.flush()
                return done.futureResult
            }.get()
            #expect(codes == [.timeout, .connectionLost, .connectionLost])
        }
    }

    @Test func `a paused server answers late calls within their time`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            _ = try await connection.send(["CLIENT", "PAUSE", 150, "ALL"])
            #expect(try await connection.send(["GET", "colony:key"], timeout: .seconds(30)).isNull)
            _ = try await connection.send(["CLIENT", "PAUSE", 60_000, "WRITE"])
            #expect(await code { try await connection.send(["SET", "colony:key", "value"], timeout: .milliseconds(50)) } == .timeout)
        }
    }

    @Test func `a blocking read ends with its entry, its own time-out, or the call's`() async throws {
        try await withRedis { server in
            let reader = try await server.connect()
            let writer = try await server.connect()
            let read: [RedisArgument] = ["XREAD", "BLOCK", 30_000, "STREAMS", "colony:stream", "$"]
            // XADD goes on until the reader had registered and was woken.
            let woken = Atomic(false)
            async let writing: Void = {
                while !woken.load(ordering: .relaxed) { _ = try await writer.send(["XADD", "colony:stream", "MAXLEN", 1, "*", "f", "v"]) }
            }()
            let reply = try await reader.send(read, timeout: .seconds(60))
            woken.store(true, ordering: .relaxed)
            try await writing
            #expect(reply.array?.first?.array?.first?.string == "colony:stream")
            #expect(try await reader.send(["BLPOP", "colony:list", "0.05"], timeout: .seconds(60)).isNull)
            #expect(await code { try await reader.send(["BLPOP", "colony:list", 0], timeout: .milliseconds(50)) } == .timeout)
        }
    }

    @Test func `a cancelled call leaves the connection in step`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            server.freeze()
            let cancelled = Task { await code { try await connection.send(["ECHO", "dropped"], timeout: .seconds(60)) } }
            // Its command is written before this one.
            async let kept: RedisValue = {
                cancelled.cancel()
                _ = await cancelled.value
                return try await connection.send(["ECHO", "kept"], timeout: .seconds(60))
            }()
            #expect(await cancelled.value == .cancelled)
            server.thaw()
            #expect(try await kept.string == "kept")
            #expect(try await connection.send(["ECHO", "next"]).string == "next")
        }
    }

    @Test func `closing fails what is under way`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            server.freeze()
            async let lost = code { try await connection.send(["GET", "colony:key"], timeout: .seconds(60)) }
            connection.close()
            #expect(await lost == .connectionLost)
            try await connection.closeFuture.get()
        }
    }

    @Test func `a server that is killed ends the connection at once`() async throws {
        try await withRedis { server in
            for endpoint in [server.endpoint, server.tcpEndpoint] {
                let connection = try await server.connect(to: endpoint)
                async let lost = code { try await connection.send(["BLPOP", "colony:list", 0], timeout: .seconds(60)) }
                try await server.kill()
                #expect(await lost == .connectionLost)
                try await server.restart()
            }
        }
    }

    @Test func `an empty command is refused`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            #expect(await code { try await connection.send([]) } == .usage)
            #expect(try await connection.send(["PING"]) == .status("PONG"))
        }
    }

    @Test func `INFO is read into fields`() async throws {
        try await withRedis { server in
            let info = try await server.connect().serverInfo()
            #expect(info.runID?.count == 40)
            #expect(info.version?.split(separator: ".").count == 3)
            #expect(info.role == "master")
            #expect(info["process_id"] == String(server.pid))
            #expect(info["aof_enabled"] == "0")
            #expect((info.usedMemoryBytes ?? 0) > 100_000)
            #expect(!info.isLoading)
        }
    }

    @Test func `a function library is replaced, and one that does not compile is refused with the server's words`() async throws {
        try await withRedis { server in
            let connection = try await server.connect()
            for answer in [1, 2] {
                let source = "#!lua name=tests\nredis.register_function('answer', function() return \(answer) end)"
                #expect(try await connection.loadFunctionLibrary(source) == "tests")
                #expect(try await connection.send(["FCALL", "answer", 0]) == .integer(Int64(answer)))
            }
            let error = await #expect(throws: RedisError.self) { try await connection.loadFunctionLibrary("#!lua name=tests\nnot lua") }
            #expect(error?.server?.text.contains("compil") == true)
        }
    }

    /// Nil for a call that succeeded.
    private func code(_ call: () async throws -> RedisValue) async -> RedisError.Code? {
        do {
            _ = try await call()
            return nil
        } catch {
            return (error as? RedisError)?.code
        }
    }
}
