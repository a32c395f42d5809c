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
            "push x 10001", "mute x socket=a", "oversize x 999999999999", "oversize x 80000000",
        ])
    func invalid(line: String) {
        let error = #expect(throws: SimulatorError.self) { try ControlCommand(parsing: line) }
        #expect(error?.code == .command)
    }

    @Test("an unknown command is told as such, with or without an exchange", arguments: ["dance", "dance x", "dance x y socket=1"])
    func unknown(line: String) {
        let error = #expect(throws: SimulatorError.self) { try ControlCommand(parsing: line) }
        #expect(error?.description.hasPrefix("unknown command 'dance'") == true)
    }

    @Test("help has a line for each command, and every fault in it is one")
    func help() throws {
        let lines = ControlHelp.text.split(separator: "\n")
        #expect(lines.last?.hasPrefix("ok ") == true)
        #expect(lines.dropLast().allSatisfy { $0.hasPrefix(" ") })
        let examples = [
            "DURATION": "2s", "STATUS [RETRY-AFTER]": "503 10s", "close|end|reset|mid-frame": "end", "text|utf8|frame|empty": "utf8",
            "N": "3",
            "BYTES": "100",
        ]
        for (entries, isStanding) in [(ControlHelp.standing, true), (ControlHelp.single, false)] {
            for entry in entries {
                #expect(lines.contains { $0.hasPrefix("   \(entry.usage): ") })
                let argument = entry.arguments.isEmpty ? "" : " \(try #require(examples[entry.arguments]))"
                guard case .fault(let fault, "x", nil) = try ControlCommand(parsing: "\(entry.verb) x\(argument)") else {
                    Issue.record("\(entry.verb) is no fault")
                    continue
                }
                #expect(fault.isStanding == isStanding, "\(entry.verb)")
                var standing = StandingFaults()
                standing.apply(fault)
                #expect(standing.list == (isStanding ? ["\(entry.verb)\(argument)"] : []))
            }
        }
    }

    @Test("a control port in use is the one that is told", .timeLimit(.minutes(1)))
    func controlPortInUse() async throws {
        var configuration = SimulatorConfiguration()
        configuration.control = .loopback(port: 0)
        try await withSimulator(base: configuration) { simulator in
            let port = try #require(simulator.controlPort)
            var second = SimulatorConfiguration()
            second.control = .loopback(port: port)
            let wanted = second
            let error = await #expect(throws: SimulatorError.self) { _ = try await ExchangeSimulator.start(wanted) }
            #expect(error?.code == .bind)
            #expect(
                error?.description.contains("take commands at 127.0.0.1:\(port): the port is in use") == true, "\(error?.description ?? "")"
            )
        }
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
                try await outbound.write(ByteBuffer(string: "status\nmute nowhere\r\nflap huobi 1500ms\nmute huobi\nstatus\nhe"))
                try await outbound.write(ByteBuffer(string: "al *\ncut kraken close\n"))
                var text = ""
                for try await part in inbound {
                    text += String(buffer: part)
                    if text.split(separator: "\n").count == 7 { break }
                }
                let lines = text.split(separator: "\n")
                #expect(lines[0] == "ok binance=0 huobi=0 kraken=1")
                #expect(lines[1].hasPrefix("error the exchange 'nowhere' is not served"))
                #expect(lines[2] == "ok reached 0 sockets")
                #expect(lines[4] == "ok binance=0 huobi=0 kraken=1; huobi: mute, flap 1500ms")
                #expect(lines[5] == "ok reached 1 socket")
                #expect(lines[6] == "ok reached 1 socket")
            }
            let close = await client.first { $0.isClose }
            #expect(close == .close(1001, "server restart"))
            let fault = try await simulator.truth.first { $0.kind == .fault && $0.text("fault") == "cut kraken close" }
            #expect(fault.exchange == "kraken")
        }
    }
}
