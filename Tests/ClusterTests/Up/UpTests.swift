import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct UpTests {
    @Test(.timeLimit(.minutes(4)))
    func `a limited run receives three exchanges, tells its summary, and leaves neither processes nor its directory behind`() async throws {
        let process = try await ColonyProgram.spawn(["up", "--for", "20s", "--set", "exchange.connect_delay=0s"])
        let mark = "workers; their logs: "
        try await process.output.waitFor(mark, timeout: .seconds(60))
        let line = try #require(process.output.text.split(separator: "\n").first { $0.contains(mark) })
        let log = try #require(line.range(of: mark).map { String(line[$0.upperBound...]) })
        let directory = URL(filePath: log).deletingLastPathComponent().path
        #expect(directory.contains("/colony-"))
        #expect(FileManager.default.fileExists(atPath: directory))
        let family = try await eventually("Redis and three workers ran") {
            let family = ProcessIdentity.descendants(of: process.pid)
            return family.count >= 4 ? family : nil
        }
        // They outlive a program that is killed because the test's time is over.
        defer { for member in family { member.signal(SIGKILL) } }

        let exit = try await process.waitForExit()
        #expect(exit == .code(0), "\(process.output.text)")
        let summary = try #require(process.output.text.range(of: "packets published")).lowerBound
        let told = process.output.text[summary...]
        for exchange in RunningCluster.allExchanges {
            #expect(told.contains("\(exchange) sent "))
            let row = try #require(told.split(separator: "\n").first { $0.hasPrefix("\(exchange)  ") })
            #expect(row.contains("receiving"), "\(row)")
        }
        #expect(!told.contains("not receiving"))
        #expect(told.components(separatedBy: "at most 1 open at once, 0 cut for broken rules").count == 4)
        #expect(family.filter(\.isRunning) == [])
        #expect(!FileManager.default.fileExists(atPath: directory))
    }
}
