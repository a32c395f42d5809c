import Cluster
import Drills
import Foundation
import Synchronization
import Testing

/// Whole drills on real processes, as short as they can be.
@Suite(.serialized) struct ShortDrillTests {
    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        func add(_ line: String) { lines.withLock { $0.append(line) } }
        var text: String { lines.withLock { $0.joined(separator: "\n") } }
    }

    /// The program that was built beside the tests.
    private static let executable: String = {
        let bundle = ProcessInformation.executable
        return bundle[..<(bundle.lastIndex(of: "/") ?? bundle.startIndex)] + "/colony"
    }()

    private func plan(_ kind: DrillKind, _ edit: (inout DrillOptions) -> Void) throws -> DrillPlan {
        var options = DrillOptions(kind: kind, seed: 11, executable: Self.executable)
        options.exchanges = ["binance", "kraken"]
        edit(&options)
        return try DrillPlan(options)
    }

    @Test(.timeLimit(.minutes(5)))
    func `three kills of producers break no promise, and leave nothing behind`() async throws {
        let lines = Lines()
        let report = try await Drill.run(
            try plan(.kill) {
                $0.runs = 3
                $0.workers = 3
            }
        ) { lines.add($0) }
        // Not how fast it was: the machine may be loaded.
        let broken = report.broken.filter { $0.id != "takeover-time" }
        #expect(broken.isEmpty, "\(broken)\n\(lines.text)")
        #expect(report.runs == 3)

        let json = try #require(try JSONSerialization.jsonObject(with: Data(try report.json().utf8)) as? [String: Any])
        #expect(
            Set(json.keys) == [
                "kind", "seed", "runs", "promises", "lease_gap_ms", "packet_gap_ms", "packets", "sockets", "admissions",
            ])
        let packets = try #require(json["packets"] as? [String: Int])
        #expect(Set(packets.keys) == ["sent", "stored", "lost", "duplicated", "stale"])
        #expect(packets["sent"] ?? 0 > 0)
        #expect(packets["stored"] ?? 0 > 0)
        #expect(Set((json["sockets"] as? [String: Any] ?? [:]).keys) == ["overlap_ms", "connects"])
        #expect(Set((json["admissions"] as? [String: Any] ?? [:]).keys) == ["count", "min_spacing_s"])
        #expect(report.html.contains("<svg"))
        #expect(report.text.contains("kept    one-producer"))
    }

    @Test(.timeLimit(.minutes(8)))
    func `failovers of Redis with and without lost writes break no promise`() async throws {
        let lines = Lines()
        let report = try await Drill.run(
            try plan(.failoverRedis) {
                $0.runs = 2
                $0.workers = 2
                $0.rate = 10
            }
        ) { lines.add($0) }
        #expect(report.broken.isEmpty, "\(report.broken)\n\(lines.text)")
        #expect(report.runs == 2)
        #expect(report.promises.contains { $0.id == "redis-failover" })
        // The second run is only worth its name when something was lost.
        let lost = report.story.counts.first { $0.key.hasPrefix("packets acknowledged") }
        #expect(lost.map { $0.value > 0 } == true, "\(lines.text)")
        #expect(report.text.contains("Redis takes no packets"))
    }

    @Test(.timeLimit(.minutes(5)))
    func `exchanges that cut websockets with the pace off break the promise of the pace by name`() async throws {
        let report = try await Drill.run(
            try plan(.storm) {
                $0.runs = 3
                $0.pace = .seconds(5)
                $0.sabotage = .pace
            }
        ) { _ in }
        #expect(report.broken.map(\.id).contains("one-pace"))
    }
}
