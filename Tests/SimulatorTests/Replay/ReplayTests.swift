import Glibc
import NIOCore
import TestSupport
import Testing

@testable import Simulator

@Suite struct ReplayTests {
    /// Sessions that were recorded elsewhere, kept outside the project.
    private static let recordings = #filePath.split(separator: "/").dropLast(5).reduce("") { "\($0)/\($1)" } + "/shared/recordings"

    /// A recording of our own with messages of all sizes, in a file that is removed afterwards.
    private func withRecording(_ lines: [String], _ body: (String) async throws -> Void) async throws {
        let path = try OrphanGuard.shared.makeDirectory("recording") + "/recording.jsonl"
        try PrivateFile.write(lines.joined(separator: "\n") + "\n", to: path, mode: 0o600)
        defer { unlink(path) }
        try await body(path)
    }

    private func configuration(_ plan: ReplayPlan) -> SimulatorConfiguration {
        var configuration = SimulatorConfiguration()
        configuration.replays = [plan]
        return configuration
    }

    @Test("a recording arrives byte for byte, in order, then the socket is closed", .timeLimit(.minutes(1)), arguments: [false, true])
    func bytes(tls: Bool) async throws {
        let messages = (0..<150).map { "message \($0) " + String(repeating: "x", count: $0 * $0 % 30_011) }
        let lines = [#"{"t":"send","data":"ignored"}"#] + messages.map { #"{"t":"recv","data":"\#($0)"}"# }
        try await withRecording(lines) { path in
            let plan = ReplayPlan(exchange: "kraken", file: path, pace: .max, end: .close, answers: false)
            try await withSimulator(tls: tls, base: configuration(plan)) { simulator in
                let client = try await JudgeClient.connect(try simulator.url("kraken"), caFile: simulator.caFile)
                try await client.send("anything")
                for message in messages { #expect(await client.next() == .text(message)) }
                #expect(await client.next() == .close(1001, "the recording is over"))
                #expect(await client.next() == .ended)
                #expect(simulator.truth.summary(of: "kraken").packets == 150)
                let hashes = simulator.truth.recent.filter { $0.kind == .packet }.map { $0.text("fnv") }
                #expect(hashes == messages.map { FNV1a.text(FNV1a.hash($0.utf8)) })
            }
        }
    }

    @Test("messages go out at the recorded pace times the factor")
    func pace() throws {
        let text = (0..<4).map { #"{"t":"recv","ts":\#(10 + $0),"data":"\#($0)"}"# }.joined(separator: "\n")
        let recording = try Recording(text: Array(text.utf8), path: "test", packing: .none)
        var program = ReplayProgram(recording: recording, plan: ReplayPlan(exchange: "x", file: "", pace: .factor(2), end: .loop))
        let start = NIODeadline.uptimeNanoseconds(5_000)
        #expect(program.next(now: start, boot: 0) == nil)
        program.began(now: start)
        #expect(program.wakeUp(now: start) == start)
        #expect(program.next(now: start, boot: 0) != nil)
        #expect(program.next(now: start + .milliseconds(499), boot: 0) == nil)
        #expect(program.wakeUp(now: start) == start + .milliseconds(500))
        let late = start + .milliseconds(1500)
        for _ in 0..<3 { #expect(program.next(now: late, boot: 0) != nil) }
        // The loop starts over at the time of the last message.
        #expect(program.next(now: late, boot: 0) != nil)
        #expect(program.next(now: late, boot: 0) == nil)
        #expect(program.wakeUp(now: late) == late + .milliseconds(500))
    }

    @Test(
        "a real session of Huobi is replayed with its gzip frames untouched", .timeLimit(.minutes(1)),
        .enabled(if: access(recordings, R_OK) == 0, "the recordings are not on this machine"))
    func huobi() async throws {
        let path = Self.recordings + "/huobi/cryptofeed-2021-04-17-HUOBI.ws.44.jsonl"
        let recording = try Recording(path: path, packing: .gzip)
        let plan = ReplayPlan(exchange: "huobi", file: path, pace: .max, answers: false)
        try await withSimulator(base: configuration(plan)) { simulator in
            let client = try await JudgeClient.connect(try simulator.url("huobi"))
            try await client.send(#"{"sub":"market.btcusdt.trade.detail","id":"1"}"#)
            for message in recording.messages { #expect(await client.next() == .binary(message.bytes)) }
        }
    }

    @Test("a client that names its topics in the URL is played to at once", .timeLimit(.minutes(1)))
    func urlSubscribed() async throws {
        try await withRecording([#"{"t":"recv","data":"{}"}"#]) { path in
            try await withSimulator(base: configuration(ReplayPlan(exchange: "binance", file: path, pace: .max))) { simulator in
                let client = try await JudgeClient.connect(try simulator.url("binance") + "?streams=btcusdt@trade")
                #expect(await client.next() == .text("{}"))
            }
        }
    }
}

extension ProgramItem: Equatable {
    static func == (left: ProgramItem, right: ProgramItem) -> Bool {
        switch (left, right) {
        case (.recorded(let left), .recorded(let right)): left == right
        case (.frames(let left, _), .frames(let right, _)): left == right
        case (.close, .close): true
        default: false
        }
    }
}
