import Foundation
import TestSupport
import Testing

/// A worker, a source of numbered packets, faults of Redis, and a judge that knows only the documented layout of the streams. The judge and the
/// source are `Tests/Judges/soak.py`, which also runs by hand, for longer.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct SoakTests {
    struct Run: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var arguments: [String]
    }

    static let runs = [
        Run(
            testDescription: "Redis killed, cut off and restarted in turn",
            arguments: ["--packets", "60000", "--rate", "6000", "--every", "2", "--down", "0.5"]),
        Run(
            testDescription: "an outage larger than the ring, with a spill: nothing is missing",
            arguments: ["--outage", "6", "--rate", "3000", "--packets", "40000", "--ring", "2097152", "--spill"]),
        Run(
            testDescription: "an outage larger than the ring, without: one gap with the right numbers",
            arguments: ["--outage", "6", "--rate", "3000", "--packets", "40000", "--ring", "2097152"]),
        Run(
            testDescription: "a Redis that reaches its maxmemory, with retentions that are never filled: publishing goes on",
            arguments: ["--maxmemory", "20mb", "--maxlen", "1000000", "--packets", "60000", "--rate", "3000"]),
    ]

    static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Judges/soak.py").path

    static func hasPython() async -> Bool {
        do { return try await ChildProcess.spawn("python3", ["-c", "pass"]).waitForExit() == .code(0) } catch { return false }
    }

    @Test(
        "An independent judge finds every packet once, in order, or declared", .enabled("needs python3") { await hasPython() },
        arguments: runs)
    func soak(run: Run) async throws {
        let judge = try await ChildProcess.spawn(
            "python3", [Self.script, "--colony", ColonyProgram.path, "--patience", "200"] + run.arguments)
        let exit = try await judge.waitForExit()
        #expect(exit == .code(0), "\(run.testDescription):\n\(judge.output.text)")
    }
}
