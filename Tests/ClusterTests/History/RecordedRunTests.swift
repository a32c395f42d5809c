import Cluster
import Foundation
import Glibc
import History
import TestSupport
import Testing

/// The checker on recordings of real processes.
@Suite struct RecordedRunTests {
    private static let settings = ["exchange.pace=0s", "exchange.quarantine=0s", "exchange.connect_delay=0s"].flatMap { ["--set", $0] }

    @Test(.timeLimit(.minutes(5)))
    func `a run with a killed producer keeps every rule, and a packet taken out of its recording is missed`() async throws {
        let directory = try OrphanGuard.shared.makeDirectory("recording")
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let recording = RecordingDirectory("\(directory)/run")
        let (_, finished) = try await withUp(["--workers", "3", "--record", recording.path] + Self.settings) { cluster in
            let status = try await cluster.untilReceiving()
            let lost = try #require(status.feeds.first)
            let worker = try #require(status.workers.first { $0.id == lost.holder })
            let victim = try #require(ProcessIdentity.descendants(of: cluster.process.pid).first { Int($0.pid) == worker.pid })
            let log = try FaultLog(recording)
            try log.add("kill", worker: worker.id)
            victim.signal(SIGKILL)
            try await eventually("another worker held \(lost.feed)", within: .seconds(60)) {
                let now = try await cluster.untilReceiving()
                return now.feeds.first { $0.feed == lost.feed && $0.holder != lost.holder && $0.phase == "live" }
            }
        }
        // It may end before the new holder has received anything, which it then says.
        #expect(finished.exit == .code(0) || finished.output.contains("not receiving"), "\(finished.output)")

        let verdict = try HistoryChecker.check(directory: recording)
        let unchecked = verdict.promises.filter { !$0.checked }.map(\.id)
        #expect(verdict.isKept, "\(verdict.table)")
        #expect(unchecked == [])
        #expect(verdict.notes == [])
        #expect(verdict.packets.stored > 0 && verdict.packets.lost == 0 && verdict.packets.duplicated == 0)
        #expect(verdict.sockets.overlapMilliseconds == 0)
        #expect(verdict.sockets.connects >= 4)
        #expect((verdict.faults.first?.leaseGap.count ?? 0) >= 1, "\(verdict.table)")

        let well = try await ColonyProgram.run(["history", "check", recording.path, "--json", "\(directory)/verdict.json"])
        #expect(well.exit == .code(0), "\(well.output)\(well.errors)")
        let json = try String(contentsOfFile: "\(directory)/verdict.json", encoding: .utf8)
        #expect(json.contains("\"min_spacing_s\""))

        try Self.removePacket(from: recording.feed("binance"))
        let bad = try await ColonyProgram.run(["history", "check", recording.path])
        #expect(bad.exit == .code(1))
        #expect(bad.errors.contains("broken: S2, S3, S9"), "\(bad.errors)\n\(bad.output)")
    }

    /// Takes a line out of the middle.
    private static func removePacket(from path: String) throws {
        var lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        let packets = lines.indices.filter { lines[$0].contains(#""t":"packet""#) && lines[$0].contains(":trade:") }
        // The socket before the last sent more than one: one that has packets of its stream before and behind it.
        lines.remove(at: packets[packets.count / 2])
        try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }
}
