import NIOCore
import Testing

@testable import Simulator

@Suite struct SourceTests {
    private func configuration(_ plan: SourcePlan) -> SimulatorConfiguration {
        var configuration = SimulatorConfiguration()
        configuration.sources = [plan]
        return configuration
    }

    @Test(
        "a source sends valid data messages of the size asked for, numbered without a hole, then closes", .timeLimit(.minutes(1)),
        arguments: [false, true])
    func messages(tls: Bool) async throws {
        let plan = SourcePlan(exchange: "binance", bytes: 400, count: 1500, end: .close)
        try await withSimulator(tls: tls, base: configuration(plan)) { simulator in
            let client = try await JudgeClient.connect(try simulator.url("binance"), caFile: simulator.caFile)
            try await client.send(#"{"method":"SUBSCRIBE","params":["btcusdt@trade","ethusdt@trade"],"id":1}"#)
            #expect(await client.next() == .text(#"{"result":null,"id":1}"#))
            var symbols: Set<String> = []
            for index in 1...1500 as ClosedRange<Int64> {
                guard case .text(let text) = await client.next() else {
                    Issue.record("expected message \(index)")
                    return
                }
                let data = try JSONValue(parsing: text)["data"]
                #expect(text.utf8.count == 400)
                #expect(data?["t"]?.integer == 1_000_000_000_000 + index)
                symbols.insert(data?["s"]?.string ?? "")
            }
            #expect(symbols == ["BTCUSDT", "ETHUSDT"])
            #expect(await client.next() == .close(1001, "the recording is over"))
            let record = try await simulator.truth.first { $0.kind == .source }
            #expect(record.number("first") == 1_000_000_000_001)
            #expect(record.number("last") == 1_000_000_001_500)
            #expect(record.number("packets") == 1500)
            #expect(simulator.truth.summary(of: "binance").packets == 1500)
        }
    }

    @Test("a packing exchange's source sends its prepared frames", .timeLimit(.minutes(1)))
    func packed() async throws {
        let plan = SourcePlan(exchange: "huobi", bytes: 300, count: 1100)
        try await withSimulator(base: configuration(plan)) { simulator in
            let client = try await JudgeClient.connect(try simulator.url("huobi"))
            try await client.send(#"{"sub":"market.btcusdt.trade.detail","id":"1"}"#)
            _ = await client.next()
            for _ in 1...1100 {
                let text = try await gunzip(client.next())
                #expect(text.utf8.count == 300)
            }
        }
    }

    @Test("a paced source sends what is due and says when the next is")
    func paced() {
        var bench = SessionBench("binance")
        _ = bench.open()
        let dialect = ServerDialects.all.first { $0.exchange == "binance" }!
        let plan = SourcePlan(exchange: "binance", bytes: 0, rate: 1000, numbers: .bootTime)
        var program = SourceProgram(plan: plan, dialect: dialect, packer: Packer(packing: .none), socket: 1, isTLS: true)
        let start = NIODeadline.uptimeNanoseconds(0)
        #expect(program.next(now: start, boot: 77) == nil)
        program.subscribed(
            bench.receive(#"{"method":"SUBSCRIBE","params":["btcusdt@trade"]}"#).subscribed[0], bench.session.view(bench.moment))
        var sent: [UInt64] = []
        func drain(_ now: NIODeadline, boot: Int64) {
            while case .frames(_, let last)? = program.next(now: now, boot: boot) { sent.append(last) }
        }
        drain(start, boot: 77)
        #expect(program.wakeUp(now: start) == start + .milliseconds(1))
        drain(start + .milliseconds(10), boot: 78)
        #expect(sent == (77...87).map { 1_000_000_000_000_000_000 + $0 })
    }
}
