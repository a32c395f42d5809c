import Coordination
import Foundation
import Glibc
import Testing

@testable import Ingest

@Suite struct WorkerJournalTests {
    private static let incarnation = Incarnation("w.0000000000000001")

    private static func directory() -> String {
        FileManager.default.temporaryDirectory.appending(path: "journal-\(UUID().uuidString)").path
    }

    @Test(.timeLimit(.minutes(1))) func `lines are in the file in the order of the calls`() async throws {
        let directory = Self.directory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let journal = try WorkerJournal(directory: directory, incarnation: Self.incarnation)
        for number in 0..<1000 {
            journal.add(.lost, feed: FeedName("binance"), at: LocalTime(nanoseconds: Int64(number)), [("reason", .text("a \"b\"\n"))])
        }
        await journal.close()
        journal.add(.stop)
        let lines = try String(contentsOfFile: journal.path, encoding: .utf8).split(separator: "\n")
        let expected = (0..<1000).map { #"{"t":"lost","boot":\#($0),"feed":"binance","reason":"a \"b\"\n"}"# }
        #expect(lines.map(String.init) == expected)
        #expect(journal.failure == nil)
    }

    @Test(.timeLimit(.minutes(1))) func `a disk that takes nothing costs lines, which are counted, and never holds up a caller`()
        async throws
    {
        let directory = Self.directory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: "\(directory)/workers", withIntermediateDirectories: true)
        let path = "\(directory)/workers/\(Self.incarnation).jsonl"
        // A pipe that nobody reads takes 64 KiB and no more.
        try #require(mkfifo(path, 0o600) == 0)
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        try #require(reader >= 0)
        let journal = try WorkerJournal(directory: directory, incarnation: Self.incarnation)
        let count = 60_000
        let reason = String(repeating: "x", count: 100)
        for _ in 0..<count { journal.add(.lost, at: LocalTime(nanoseconds: 1), [("reason", .text(reason))]) }
        // The writer is let go, and the file read to its end.
        let flags = fcntl(reader, F_GETFL)
        try #require(fcntl(reader, F_SETFL, flags & ~O_NONBLOCK) == 0)
        async let text = Self.readAll(reader)
        await journal.close()
        let lines = await text.split(separator: "\n")
        let holes = lines.filter { $0.contains(#""t":"hole""#) }
        let missing = holes.compactMap { $0.split(separator: "\"lines\":").last?.dropLast() }.compactMap { Int($0) }.reduce(0, +)
        #expect(missing > 0)
        #expect(lines.count - holes.count + missing == count)
    }

    @Test func `a directory that cannot be made is told with its path`() {
        let error = #expect(throws: WorkerJournalError.self) {
            _ = try WorkerJournal(directory: "/proc/no-such-place", incarnation: Self.incarnation)
        }
        #expect(error?.description.contains("/proc/no-such-place") == true)
    }

    /// On a thread of its own: it blocks.
    private static func readAll(_ descriptor: Int32) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var bytes: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 65_536)
                while true {
                    let count = read(descriptor, &buffer, buffer.count)
                    guard count > 0 else { break }
                    bytes += buffer[..<count]
                }
                close(descriptor)
                continuation.resume(returning: String(decoding: bytes, as: UTF8.self))
            }
        }
    }
}
