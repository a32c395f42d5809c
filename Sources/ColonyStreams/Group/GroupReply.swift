package import Coordination
package import RedisClient

/// What XREADGROUP and XAUTOCLAIM return: entries, and ids of entries that were pending and no longer exist.
package struct GroupReply: Sendable, Equatable {
    package var stream: String
    package var entries: [StreamEntry] = []
    package var deleted: [EntryID] = []
    /// XAUTOCLAIM: where to go on; nil when through.
    package var next: String?

    package init(stream: String, entries: [StreamEntry] = [], deleted: [EntryID] = [], next: String? = nil) {
        self.stream = stream
        self.entries = entries
        self.deleted = deleted
        self.next = next
    }

    /// Reads an XREADGROUP reply: null, or `[[key, [entry, ...]], ...]`; an entry that was deleted has null instead of fields.
    package static func reading(_ reply: RedisValue) throws(StreamsError) -> [GroupReply] {
        if reply.isNull { return [] }
        guard let streams = reply.array else { throw StreamsError.unexpectedReply("XREADGROUP did not answer with an array", reply) }
        var replies: [GroupReply] = []
        for item in streams {
            guard let pair = item.array, pair.count == 2, let key = pair[0].string, let values = pair[1].array else {
                throw StreamsError.unexpectedReply("XREADGROUP answered with something other than pairs of key and entries", item)
            }
            var reply = GroupReply(stream: key)
            try reply.append(values)
            replies.append(reply)
        }
        return replies
    }

    /// Reads an XAUTOCLAIM reply: `[next id, [entry, ...], [deleted id, ...]]`.
    package static func claiming(_ reply: RedisValue, stream: String) throws(StreamsError) -> GroupReply {
        guard let parts = reply.array, parts.count >= 2, let next = parts[0].string, let values = parts[1].array else {
            throw StreamsError.unexpectedReply("XAUTOCLAIM of \(stream) did not answer with a cursor and entries", reply)
        }
        var claimed = GroupReply(stream: stream, next: next == "0-0" ? nil : next)
        try claimed.append(values)
        // The third part exists since Redis 7.0.
        if parts.count > 2 { claimed.deleted += (parts[2].array ?? []).compactMap { $0.string.flatMap { EntryID($0) } } }
        return claimed
    }

    private mutating func append(_ values: [RedisValue]) throws(StreamsError) {
        for value in values {
            if let pair = value.array, pair.count == 2, pair[1].isNull, let id = pair[0].string.flatMap({ EntryID($0) }) {
                deleted.append(id)
            } else {
                entries.append(try StreamEntry(reply: value, stream: stream))
            }
        }
    }
}
