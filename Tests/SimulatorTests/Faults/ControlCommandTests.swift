import NIOCore
import NIOPosix
import Simulator
import Testing

@Suite struct ControlCommandTests {
    @Test(
        "each command is read with its arguments",
        arguments: [
            ("mute binance", .fault(.mute, exchange: "binance", socket: nil)),
            ("half-open *", .fault(.halfOpen, exchange: "*", socket: nil)),
            ("no-data Kraken", .fault(.withoutData, exchange: "kraken", socket: nil)),
            ("slow-handshake x 500ms", .fault(.slowHandshake(.milliseconds(500)), exchange: "x", socket: nil)),
            ("refuse x 503 10s", .fault(.refuse(status: 503, retryAfter: .seconds(10)), exchange: "x", socket: nil)),
            ("refuse x 418", .fault(.refuse(status: 418, retryAfter: nil), exchange: "x", socket: nil)),
            ("flap x 2m", .fault(.flap(every: .seconds(120)), exchange: "x", socket: nil)),
            ("heal x", .fault(.heal, exchange: "x", socket: nil)), ("cut * mid-frame", .fault(.cut(.midFrame), exchange: "*", socket: nil)),
            ("garbage x utf8 socket=7", .fault(.garbage(.utf8), exchange: "x", socket: 7)),
            ("oversize x 100", .fault(.oversize(bytes: 100), exchange: "x", socket: nil)),
            ("hole x 3", .fault(.hole(count: 3), exchange: "x", socket: nil)),
            ("duplicate x 2", .fault(.duplicate(count: 2), exchange: "x", socket: nil)),
            ("push x 10", .fault(.push(count: 10), exchange: "x", socket: nil)), ("notice x", .fault(.notice, exchange: "x", socket: nil)),
            ("status", .status), ("sockets", .sockets(exchange: "*")), ("sockets Huobi", .sockets(exchange: "huobi")), ("help", .help),
        ] as [(String, ControlCommand)])
    func valid(line: String, command: ControlCommand) throws {
        #expect(try ControlCommand(parsing: line) == command)
    }

    @Test(
        "what is no command is refused",
        arguments: [
            "", "dance x", "mute", "mute x y", "cut x", "cut x gently", "refuse x 200", "flap x soon", "flap x 2h", "hole x 0", "hole x -1",
            "push x 10001", "mute x socket=a", "oversize x 999999999999",
        ])
    func invalid(line: String) {
        let error = #expect(throws: SimulatorError.self) { try ControlCommand(parsing: line) }
        #expect(error?.code == .command)
    }

    @Test("commands come over the control socket, one answer a line", .timeLimit(.minutes(1)))
    func socket() async throws {
        var configuration = SimulatorConfiguration()
        configuration.control = .loopback(port: 0)
        try await withSimulator(base: configuration) { simulator in
            let client = try await JudgeClient.connect(try simulator.url("kraken"))
            _ = await client.next()
            let port = try #require(simulator.controlPort)
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(string: "status\nmute nowhere\r\nhe"))
                try await outbound.write(ByteBuffer(string: "al *\ncut kraken close\n"))
                var text = ""
                for try await part in inbound {
                    text += String(buffer: part)
                    if text.split(separator: "\n").count == 4 { break }
                }
                let lines = text.split(separator: "\n")
                #expect(lines[0] == "ok binance=0 huobi=0 kraken=1")
                #expect(lines[1].hasPrefix("error the exchange 'nowhere' is not served"))
                #expect(lines[2] == "ok reached 1 sockets")
                #expect(lines[3] == "ok reached 1 sockets")
            }
            let close = await client.first { $0.isClose }
            #expect(close == .close(1001, "server restart"))
            let fault = try await simulator.truth.first { $0.kind == .fault && $0.text("fault") == "cut kraken close" }
            #expect(fault.exchange == "kraken")
        }
    }
}
