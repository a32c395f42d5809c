import NIOCore
import NIOWebSocket
import Simulator
import Testing

@Suite struct ExchangeSimulatorTests {
    private let subscribe = #"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#

    @Test("over verified TLS a client gets what it subscribed, and the truth log has the same bytes", .timeLimit(.minutes(1)))
    func verifiedTLS() async throws {
        try await withSimulator(tls: true) { simulator in
            #expect(try simulator.url("binance") == "wss://localhost:\(simulator.port)/binance/stream")
            let client = try await JudgeClient.connect(try simulator.url("binance"), caFile: simulator.caFile)
            try await client.send(subscribe)
            #expect(await client.next() == .text(#"{"result":null,"id":1}"#))
            #expect(try simulator.inject(.push(count: 3), exchange: "binance") == 1)
            for number in 1...3 {
                guard case .text(let text) = await client.next() else {
                    Issue.record("expected data")
                    return
                }
                #expect(try JSONValue(parsing: text)["data"]?["t"]?.integer == Int64(number))
                let record = try await simulator.truth.first { $0.kind == .packet && $0.number("n") == UInt64(number) }
                #expect(record.text("fnv") == FNV1a.text(FNV1a.hash(text.utf8)))
                #expect(record.number("bytes") == UInt64(text.utf8.count))
                #expect(record.text("channel") == "trade")
                #expect(record.text("symbol") == "BTCUSDT")
            }
            try await client.close()
            let close = try await simulator.truth.first { $0.kind == .close }
            #expect(close.text("cause") == "client")
            #expect(close.number("code") == 1000)
            #expect(close.number("packets") == 3)
            #expect(close.number("flushed") == 3)
        }
    }

    @Test("a request target of any length up to the limit is taken, a longer one refused", .timeLimit(.minutes(1)))
    func longTarget() async throws {
        try await withSimulator { simulator in
            let url = try simulator.url("binance") + "?streams="
            let path = "/binance/stream?streams=".utf8.count
            let fitting = try await JudgeClient.connect(url + "btcusdt@trade/" + String(repeating: "x", count: 8_000 - path - 14))
            let record = try await simulator.truth.first { $0.kind == .subscribe }
            #expect(record.text("key") == "btcusdt@trade")
            try await fitting.close()
            let long = try await JudgeClient.connect(url + String(repeating: "x", count: 8_001 - path))
            guard case .refused(let status, _, _) = await long.next() else {
                Issue.record("expected a refusal")
                return
            }
            #expect(status == 414)
            #expect(simulator.truth.summary(of: "binance").refused == 1)
        }
    }

    @Test("a client that trusts somebody else is not connected", .timeLimit(.minutes(1)))
    func untrusted() async throws {
        try await withSimulator(tls: true) { simulator in
            let client = try await JudgeClient.connect(try simulator.url("binance"))
            let failure = await client.first { if case .failed(_) = $0 { true } else { false } }
            #expect(failure != nil)
            #expect(simulator.truth.summary(of: "binance").socketsOpened == 0)
        }
    }

    @Test("every frame of Huobi is one gzip member that holds what the truth log says", .timeLimit(.minutes(1)))
    func gzip() async throws {
        try await withSimulator { simulator in
            let client = try await JudgeClient.connect(try simulator.url("huobi"))
            try await client.send(#"{"sub":"market.btcusdt.trade.detail","id":"t1"}"#)
            // On a slow machine the exchange's own heartbeat may come first.
            func next() async throws -> String {
                while true {
                    let text = try await gunzip(client.next())
                    if !text.hasPrefix(#"{"ping""#) { return text }
                }
            }
            let answer = try await next()
            #expect(answer.contains(#""subbed":"market.btcusdt.trade.detail""#))
            try simulator.inject(.push(count: 1))
            let text = try await next()
            let record = try await simulator.truth.first { $0.kind == .packet }
            #expect(record.text("fnv") == FNV1a.text(FNV1a.hash(text.utf8)))
        }
    }

    @Test("an unknown exchange or path is 404", .timeLimit(.minutes(1)), arguments: ["nowhere/ws", "binance/elsewhere", ""])
    func notFound(path: String) async throws {
        try await withSimulator { simulator in
            let client = try await JudgeClient.connect("ws://localhost:\(simulator.port)/\(path)")
            guard case .refused(let status, _, _) = await client.next() else {
                Issue.record("expected a refusal")
                return
            }
            #expect(status == 404)
        }
    }

    @Test("connects beyond the budget are 429 with Retry-After, and are not counted as open", .timeLimit(.minutes(1)))
    func budget() async throws {
        var configuration = SimulatorConfiguration()
        configuration.adjustRules = { _, rules in rules.connects = .init(2, per: .seconds(100)) }
        try await withSimulator(base: configuration) { simulator in
            for _ in 0..<2 {
                let client = try await JudgeClient.connect(try simulator.url("kraken"))
                guard case .text = await client.next() else {
                    Issue.record("expected the greeting")
                    return
                }
            }
            let third = try await JudgeClient.connect(try simulator.url("kraken"))
            guard case .refused(let status, let retryAfter, _) = await third.next() else {
                Issue.record("expected a refusal")
                return
            }
            #expect(status == 429)
            #expect((90...100).contains(Int(retryAfter ?? "") ?? 0))
            let summary = simulator.truth.summary(of: "kraken")
            #expect((summary.socketsOpened, summary.mostOpen, summary.refused) == (2, 2, 1))
        }
    }

    @Test("a standing refusal holds until healed", .timeLimit(.minutes(1)))
    func refusal() async throws {
        try await withSimulator { simulator in
            try simulator.inject(.refuse(status: 503, retryAfter: .milliseconds(1500)), exchange: "kraken")
            let refused = try await JudgeClient.connect(try simulator.url("kraken"))
            guard case .refused(503, retryAfter: "2", _) = await refused.next() else {
                Issue.record("expected 503 with Retry-After 2")
                return
            }
            try simulator.inject(.heal, exchange: "kraken")
            let taken = try await JudgeClient.connect(try simulator.url("kraken"))
            guard case .text = await taken.next() else {
                Issue.record("expected the greeting")
                return
            }
        }
    }

    @Test("a PING is answered with its payload", .timeLimit(.minutes(1)))
    func ping() async throws {
        try await withSimulator { simulator in
            let client = try await JudgeClient.connect(try simulator.url("binance"))
            try await client.send(WebSocketFrame(fin: true, opcode: .ping, maskKey: .random(), data: ByteBuffer(string: "are you there")))
            #expect(await client.next() == .pong("are you there"))
        }
    }

    @Test("a heartbeat left unanswered ends the connection", .timeLimit(.minutes(1)))
    func heartbeat() async throws {
        var configuration = SimulatorConfiguration()
        configuration.heartbeatFactor = 0.005
        try await withSimulator(base: configuration) { simulator in
            let client = try await JudgeClient.connect(try simulator.url("binance"), answersPings: false)
            let close = await client.first { $0.isClose }
            #expect(close == .close(1008, "pong timeout"))
            let record = try await simulator.truth.first { $0.kind == .close }
            #expect(record.text("cause") == "rule")
            #expect(simulator.truth.summary(of: "binance").cuts == 1)
        }
    }

    @Test("a client that does not mask is told so and closed", .timeLimit(.minutes(1)))
    func unmasked() async throws {
        try await withSimulator { simulator in
            let client = try await JudgeClient.connect(try simulator.url("binance"))
            try await client.send(WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: "{}")))
            guard case .close(1002, _) = await client.next() else {
                Issue.record("expected 1002")
                return
            }
            let record = try await simulator.truth.first { $0.kind == .close }
            #expect(record.text("cause") == "violation")
        }
    }

    @Test("each way of cutting is seen as such", .timeLimit(.minutes(1)), arguments: Fault.CutKind.allCases, [false, true])
    func cuts(kind: Fault.CutKind, tls: Bool) async throws {
        try await withSimulator(tls: tls) { simulator in
            let client = try await JudgeClient.connect(try simulator.url("kraken"), caFile: simulator.caFile)
            _ = await client.next()
            _ = try await simulator.truth.first { $0.kind == .open }
            #expect(try simulator.inject(.cut(kind), exchange: "kraken") == 1)
            var events: [JudgeClient.Event] = []
            repeat { events.append(await client.next()) } while events.last != .ended
            switch kind {
            case .close: #expect(events.first == .close(1001, "server restart"))
            case .end: #expect(events == [.ended])
            case .reset, .midFrame: #expect(!events.contains { $0.isClose })
            }
            let record = try await simulator.truth.first { $0.kind == .close }
            #expect(record.text("cause") == "fault")
        }
    }

    @Test("a half-open socket gives and takes nothing until healed, and the log claims no packet for it", .timeLimit(.minutes(1)))
    func halfOpen() async throws {
        try await withSimulator { simulator in
            let client = try await JudgeClient.connect(try simulator.url("binance"))
            try await client.send(subscribe)
            _ = await client.next()
            try simulator.inject(.halfOpen, exchange: "binance")
            try simulator.inject(.push(count: 5), exchange: "binance")
            try await client.send(#"{"method":"LIST_SUBSCRIPTIONS","id":2}"#)
            try simulator.inject(.heal, exchange: "binance")
            try simulator.inject(.push(count: 1), exchange: "binance")
            let first = await client.first { if case .text(let text) = $0 { text.contains("stream") } else { false } }
            guard case .text(let text)? = first else {
                Issue.record("expected data after healing")
                return
            }
            let record = try await simulator.truth.first { $0.kind == .packet }
            #expect(record.text("fnv") == FNV1a.text(FNV1a.hash(text.utf8)))
            #expect(simulator.truth.summary(of: "binance").packets == 1)
        }
    }

    @Test("a socket that is half-open when the simulator stops is closed all the same", .timeLimit(.minutes(1)), arguments: [false, true])
    func stopHalfOpen(tls: Bool) async throws {
        try await withSimulator(tls: tls) { simulator in
            let client = try await JudgeClient.connect(try simulator.url("kraken"), caFile: simulator.caFile)
            _ = await client.next()
            try simulator.inject(.halfOpen)
            try await simulator.stop()
            #expect(simulator.truth.summary(of: "kraken").openNow == 0)
            let close = simulator.truth.recent.first { $0.kind == .close }
            #expect(close?.text("cause") == "stop")
        }
    }

    @Test("a held-back handshake is answered after its time", .timeLimit(.minutes(1)))
    func slowHandshake() async throws {
        var configuration = SimulatorConfiguration()
        configuration.faults = [("kraken", .slowHandshake(.milliseconds(200)))]
        try await withSimulator(base: configuration) { simulator in
            let start = ContinuousClock.now
            let client = try await JudgeClient.connect(try simulator.url("kraken"))
            _ = await client.next()
            #expect(ContinuousClock.now - start >= .milliseconds(200))
        }
    }

    @Test("garbage is what it says", .timeLimit(.minutes(1)))
    func garbage() async throws {
        try await withSimulator { simulator in
            let client = try await JudgeClient.connect(try simulator.url("kraken"))
            _ = await client.next()
            try simulator.inject(.garbage(.text))
            guard case .text(let text) = await client.next() else {
                Issue.record("expected a text")
                return
            }
            #expect(throws: JSONParser.Failure.self) { try JSONValue(parsing: text) }
            try simulator.inject(.garbage(.empty))
            #expect(await client.next() == .text(""))
            try simulator.inject(.oversize(bytes: 300_000))
            guard case .text(let big) = await client.next() else {
                Issue.record("expected a text")
                return
            }
            #expect(big.utf8.count == 300_000)
            try simulator.inject(.garbage(.frame))
            let failure = await client.first { if case .failed(_) = $0 { true } else { false } }
            #expect(failure != nil)
        }
    }

    @Test("a duplicated and a withheld message are told apart in the truth log", .timeLimit(.minutes(1)))
    func holesInTheLog() async throws {
        try await withSimulator { simulator in
            let client = try await JudgeClient.connect(try simulator.url("binance"))
            try await client.send(subscribe)
            _ = await client.next()
            try simulator.inject(.hole(count: 1))
            try simulator.inject(.duplicate(count: 1))
            try simulator.inject(.push(count: 2))
            let first = await client.next()
            let second = await client.next()
            #expect(first == second)
            let numbers = simulator.truth.recent.filter { $0.kind == .packet || $0.kind == .withheld }.map { ($0.kind, $0.number("n")) }
            #expect(numbers.map(\.0) == [.withheld, .packet, .packet])
            #expect(numbers.map(\.1) == [1, 2, 2])
        }
    }

    @Test("KuCoin's token comes by REST, and without it no socket stays open", .timeLimit(.minutes(1)))
    func bootstrap() async throws {
        try await withSimulator(["kucoin"], tls: true) { simulator in
            let url = try simulator.url("kucoin")
            #expect(url == "https://localhost:\(simulator.port)/kucoin/api/v1/bullet-public")
            let ca = try #require(simulator.caFile)
            let result = try await runProcess("curl", ["-sS", "-X", "POST", "--cacert", ca, "--noproxy", "*", url])
            #expect(result.exitCode == 0, "\(result.errors)")
            let data = try JSONValue(parsing: result.output)["data"]
            let token = try #require(data?["token"]?.string)
            let endpoint = try #require(data?["instanceServers"]?.array?.first?["endpoint"]?.string)
            let client = try await JudgeClient.connect("\(endpoint)?token=\(token)&connectId=c1", caFile: ca)
            #expect(await client.next() == .text(#"{"id":"c1","type":"welcome"}"#))
            let stranger = try await JudgeClient.connect("\(endpoint)?token=other", caFile: ca)
            let close = await stranger.first { $0.isClose }
            #expect(close == .close(1000, "token is invalid"))
        }
    }

    @Test("a port in use is a clear error", .timeLimit(.minutes(1)))
    func portInUse() async throws {
        try await withSimulator { simulator in
            var configuration = SimulatorConfiguration()
            configuration.port = simulator.port
            let error = await #expect(throws: SimulatorError.self) { _ = try await ExchangeSimulator.start(configuration) }
            #expect(error?.code == .bind)
            #expect(error?.description.contains("\(simulator.port)") == true)
        }
    }

    @Test("an exchange that is not known is refused at the start", .timeLimit(.minutes(1)))
    func unknownExchange() async throws {
        var configuration = SimulatorConfiguration()
        configuration.exchanges = ["mtgox"]
        let error = await #expect(throws: SimulatorError.self) { _ = try await ExchangeSimulator.start(configuration) }
        #expect(error?.code == .configuration)
    }

    @Test("the most sockets open at once is exact, and stopping ends them all", .timeLimit(.minutes(1)))
    func mostOpen() async throws {
        try await withSimulator { simulator in
            var clients: [JudgeClient] = []
            for _ in 0..<3 {
                let client = try await JudgeClient.connect(try simulator.url("kraken"))
                _ = await client.next()
                clients.append(client)
            }
            try await clients[0].close()
            _ = try await simulator.truth.first { $0.kind == .close }
            let fourth = try await JudgeClient.connect(try simulator.url("kraken"))
            _ = await fourth.next()
            let before = simulator.truth.summary(of: "kraken")
            #expect((before.socketsOpened, before.openNow, before.mostOpen) == (4, 3, 3))
            try await simulator.stop()
            #expect(simulator.truth.summary(of: "kraken").openNow == 0)
            let last = await clients[1].first { $0 == .ended }
            #expect(last == .ended)
        }
    }
}
