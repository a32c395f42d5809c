internal import Coordination
internal import RedisClient

/// Reads all streams of one feed in the order of their ids, as the consumer contract says. A value: plans a read, takes its answer.
struct FeedReader {
    private(set) var cursors: [String: EntryID]
    private(set) var keys: [String]
    private let limit: Int

    /// Reads from the beginning; at most about `limit` entries at a time.
    init(control: String, limit: Int = 16_384) {
        keys = [control]
        cursors = [control: EntryID(milliseconds: 0, epoch: 0, sequence: 0)]
        self.limit = limit
    }

    var count: Int { max(16, limit / keys.count) }

    /// One snapshot of all streams known so far.
    var command: [RedisArgument] {
        ["XREAD", "COUNT", RedisArgument(count), "STREAMS"] + keys.map { RedisArgument($0) }
            + keys.map { RedisArgument((cursors[$0] ?? EntryID(milliseconds: 0, epoch: 0, sequence: 0)).description) }
    }

    /// Adds the streams of the registry that were not known; true if there were any: then the answer read with it is incomplete.
    mutating func learn(_ registered: [String]) -> Bool {
        let fresh = registered.filter { cursors[$0] == nil }
        for key in fresh { cursors[key] = EntryID(milliseconds: 0, epoch: 0, sequence: 0) }
        keys += fresh.sorted()
        return !fresh.isEmpty
    }

    struct Entry {
        var id: EntryID
        var stream: String
        var value: RedisValue
    }

    /// The entries that may be told now, in id order: a stream that returned `count` may have more, so nothing behind its last one. The cursors
    /// move over what is returned.
    mutating func take(_ reply: RedisValue) throws(HistoryError) -> [Entry] {
        var entries: [Entry] = []
        var bound: EntryID?
        for item in reply.array ?? [] {
            guard let pair = item.array, pair.count == 2, let stream = pair[0].string, let values = pair[1].array else {
                throw HistoryError(.redis, "XREAD answered what is no pair of key and entries: \(item)")
            }
            var last: EntryID?
            for value in values {
                guard let text = value.array?.first?.string, let id = EntryID(text) else {
                    throw HistoryError(.redis, "an entry of \(stream) has no id: \(value)")
                }
                entries.append(Entry(id: id, stream: stream, value: value))
                last = id
            }
            if values.count == count, let last { bound = min(bound ?? last, last) }
        }
        if let bound { entries.removeAll { $0.id > bound } }
        entries.sort { $0.id < $1.id }
        for entry in entries { cursors[entry.stream] = entry.id }
        return entries
    }
}
