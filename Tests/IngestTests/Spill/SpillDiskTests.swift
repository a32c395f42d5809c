import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Ingest

@Suite(.timeLimit(.minutes(1)))
struct SpillDiskTests {
    private func record(_ number: Int) -> SpillRecord {
        SpillRecord(
            first: number, count: 7, epoch: 3, firstMilliseconds: 1, lastMilliseconds: 2, streams: [1],
            body: ByteBuffer(string: String(repeating: "\(number)", count: 5000)))
    }

    private func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
        let folder = NSTemporaryDirectory() + "/colony-spill-\(UUID().uuidString)/worker"
        defer { try? FileManager.default.removeItem(atPath: (folder as NSString).deletingLastPathComponent) }
        return try await body(folder)
    }

    /// Runs one call of the disk on its loop and waits for its answer.
    private func ask<Value: Sendable>(
        _ loop: any EventLoop, _ call: @escaping @Sendable (@escaping (Result<Value, any Error>) -> Void) -> Void
    ) async throws -> Value {
        let promise = loop.makePromise(of: Value.self)
        loop.execute { call { promise.completeWith($0) } }
        return try await promise.futureResult.get()
    }

    @Test("Records are written and read in any order, and files go away with their segment")
    func files() async throws {
        try await withFolder { folder in
            #expect(try SpillDisk.prepare(folder) == 0)
            let thread = NIOThreadPool(numberOfThreads: 1)
            thread.start()
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let disk = SpillDisk(folder: folder, name: "binance/1", thread: thread, on: loop)
            var plan = SpillPlan(maxBytes: 1 << 20, segmentBytes: 20_000)
            let records = (1...12).map { record($0) }
            let places = records.compactMap {
                plan.place(SpillRecord.length(streams: $0.streams.count, body: $0.body.readableBytes))
            }
            #expect(places.count == records.count)
            for (record, place) in zip(records, places) { try await ask(loop) { disk.write(record, at: place, completion: $0) } }
            for index in [11, 0, 5, 5, 3] {
                let place = places[index]
                let found: SpillRecord = try await ask(loop) { disk.read(place, completion: $0) }
                #expect(found == records[index])
            }
            let segments = Set(places.map(\.segment))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == segments.count)
            for segment in segments { try await ask(loop) { disk.delete(segment: segment, completion: $0) } }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
            await #expect(throws: SpillRecord.Damage.truncated) {
                let place = places[0]
                let _: SpillRecord = try await ask(loop) { disk.read(place, completion: $0) }
            }
            try await thread.shutdownGracefully()
        }
    }

    @Test("What an earlier process left is counted up to its torn end, and deleted")
    func leftovers() async throws {
        try await withFolder { folder in
            _ = try SpillDisk.prepare(folder)
            var bytes = ByteBuffer()
            for number in 1...300 {
                let record = record(number)
                bytes.writeImmutableBuffer(record.head())
                bytes.writeImmutableBuffer(record.body)
            }
            let whole = Data(bytes.readableBytesView)
            try whole.write(to: URL(fileURLWithPath: "\(folder)/binance-0.spill"))
            try whole.dropLast(100).write(to: URL(fileURLWithPath: "\(folder)/binance-1.spill"))
            try Data(repeating: 0, count: 500).write(to: URL(fileURLWithPath: "\(folder)/kraken-0.spill"))
            try Data().write(to: URL(fileURLWithPath: "\(folder)/notes.txt"))
            #expect(try SpillDisk.prepare(folder) == 7 * (300 + 299))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["notes.txt"])
        }
    }

    @Test("A folder that cannot be used is named, with the reason and what to look at")
    func unusable() async throws {
        try await withFolder { folder in
            let parent = (folder as NSString).deletingLastPathComponent
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
            try Data().write(to: URL(fileURLWithPath: folder))
            let error = #expect(throws: SpillError.self) { try SpillDisk.prepare(folder) }
            #expect(error?.description.contains(folder) == true)
            #expect(error?.description.contains("spill.path") == true)
        }
    }

    @Test("Names of feeds become names of files")
    func escaping() {
        #expect(SpillDisk.escaped("binance_swap") == "binance_swap")
        #expect(SpillDisk.escaped("binance/1-a") == "binance%2f1%2da")
    }
}
