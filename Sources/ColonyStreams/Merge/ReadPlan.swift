package import Coordination
package import RedisClient

/// One XREAD: which streams, behind which ids, at most how many entries of each.
package struct ReadPlan: Sendable, Equatable {
    package var streams: [String]
    /// One for each stream.
    package var cursors: [EntryID]
    package var count: Int

    package init(streams: [String], cursors: [EntryID], count: Int) {
        self.streams = streams
        self.cursors = cursors
        self.count = count
    }

    /// The command without BLOCK: one snapshot of all its streams.
    package var snapshot: [RedisArgument] {
        ["XREAD", "COUNT", .string(String(count)), "STREAMS"] + streams.map { .string($0) } + cursors.map { .string($0.description) }
    }

    /// The same as a mere wake-up: Redis answers a blocked read with the first stream that gets data, even if one publish writes to ten. So
    /// the answer is discarded and the snapshot read from the same cursors.
    package func wakeUp(after limit: Duration) -> [RedisArgument] {
        ["XREAD", "COUNT", "1", "BLOCK", .string(String(max(1, limit.wholeMilliseconds))), "STREAMS"] + streams.map { .string($0) }
            + cursors.map { .string($0.description) }
    }
}
