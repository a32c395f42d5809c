import Foundation
import Testing

@testable import Cluster

struct WorkerReportTests {
    @Test("What a worker writes about its feeds is read back as it was, whatever the texts hold")
    func roundTrip() throws {
        let plain = #"""
            {"phase":"live","epoch":7,"packets":12,"packets_per_s":812.5,"bytes":3400,"streams":2,"dropped":1,"malformed":3,"ring_bytes":4096,
            "subscriptions":{"trade BTCUSDT":"receiving"},"reason":""}
            """#
        var report = try JSONDecoder().decode(WorkerFeedReport.self, from: Data(plain.utf8))
        var reports = ["binance": report]
        #expect(WorkerFeedReport.decode(WorkerFeedReport.encode(reports)) == reports)
        #expect(WorkerFeedReport.encode([:]) == "{}")
        report.subscriptionsVersion = 9
        report.connections = 3
        report.failures = 1
        report.packetsPerSecond = 1e17
        report.reason = "it said \"no\" \\ twice\n\u{01}, then \u{1F600} and é"
        report.subscriptions = ["trade \"X\"": "rejected: \\o/", "book é": "pending", "candle.1m 币": "stale"]
        report.connections = 4
        report.failures = 2
        reports["kraken/3"] = report
        reports["\"\t\""] = report
        #expect(WorkerFeedReport.decode(WorkerFeedReport.encode(reports)) == reports)
    }
}
