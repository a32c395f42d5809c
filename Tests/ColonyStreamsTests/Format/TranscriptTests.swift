import Foundation
import TestSupport
import Testing

/// The page that documents the streams shows transcripts of redis-cli: here its commands are run, and must show the same.
@Suite(.timeLimit(.minutes(2)))
struct TranscriptTests {
    /// A command of the page and the texts of the reply below it; none where the page shows no reply.
    struct Step {
        var command: String
        var shown: [String] = []
    }

    static func hasClient() async -> Bool {
        do { return try await ChildProcess.spawn("redis-cli", ["--version"]).waitForExit() == .code(0) } catch { return false }
    }

    private static func page() throws -> String {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return try String(
            contentsOf: tests.deletingLastPathComponent().appendingPathComponent("Sources/ColonyStreams/ColonyStreams.docc/Streams.md"),
            encoding: .utf8)
    }

    private static func steps(of page: String) -> [Step] {
        var steps: [Step] = []
        var isCode = false
        for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                isCode.toggle()
            } else if isCode, line.hasPrefix("$ ") {
                steps.append(Step(command: String(line.dropFirst(2))))
            } else if isCode, !steps.isEmpty {
                steps[steps.count - 1].shown += texts(in: String(line))
            }
        }
        return steps
    }

    /// The quoted texts of a reply in order; times and the worker's name, which differ from run to run, as their kind.
    private static func texts(in reply: String) -> [String] {
        reply.matches(of: /"((?:[^"\\]|\\.)*)"/).map { match in
            let text = String(match.1)
            if text.wholeMatch(of: /\d{13}/) != nil { return "ms" }
            if text.wholeMatch(of: /\d{19}/) != nil { return "ns" }
            if text.wholeMatch(of: /[a-z]+\.[0-9a-f]{16}/) != nil { return "worker" }
            if let id = text.wholeMatch(of: /\d{13}-(\d+)/) { return "ms-\(id.1)" }
            return text
        }
    }

    @Test("What the page shows of redis-cli is what redis-cli shows", .enabled("needs redis-cli") { await hasClient() })
    func transcript() async throws {
        let steps = Self.steps(of: try Self.page())
        #expect(steps.count(where: { !$0.shown.isEmpty }) == 3)
        try await withRedis { server in
            var producer = try await TestProducer(on: server)
            try await producer.start()
            func trade(_ symbol: String, _ price: String) -> (String, String) {
                ("trade:\(symbol)", #"{"e":"trade","s":"\#(symbol)","p":"\#(price)"}"#)
            }
            try await producer.publish([trade("BTCUSDT", "91000.10"), trade("ETHUSDT", "3000.10"), trade("BTCUSDT", "91000.20")])
            try await producer.lose("trade:ETHUSDT", "trade:BTCUSDT")
            try await producer.publish([trade("BTCUSDT", "91000.30")])
            try await producer.disconnect()
            for step in steps {
                let command = step.command.replacing("redis-cli", with: "redis-cli --no-raw -s '\(server.socketPath)'")
                let client = try await ChildProcess.spawn("sh", ["-c", "\(command) && echo end of reply"])
                try await client.output.waitFor("end of reply")
                let found = Self.texts(in: client.output.text)
                if step.shown.isEmpty {
                    #expect(found.contains(#"{\"e\":\"trade\",\"s\":\"BTCUSDT\",\"p\":\"91000.30\"}"#), "\(step.command)")
                } else {
                    #expect(found == step.shown, "\(step.command)")
                }
            }
        }
    }
}
