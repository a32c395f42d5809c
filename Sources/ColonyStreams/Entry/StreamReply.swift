package import Coordination
package import RedisClient

/// What one XREAD or XREADGROUP returned of one stream.
package struct StreamReply: Sendable, Equatable {
    package var stream: String
    package var entries: [StreamEntry]

    package init(stream: String, entries: [StreamEntry]) {
        self.stream = stream
        self.entries = entries
    }

    /// Reads a whole XREAD or XREADGROUP reply: null, or `[[key, [entry, ...]], ...]`.
    package static func parse(_ reply: RedisValue) throws(StreamsError) -> [StreamReply] {
        if reply.isNull { return [] }
        guard let streams = reply.array else {
            throw StreamsError.unexpectedReply("XREAD did not answer with an array", reply)
        }
        var replies: [StreamReply] = []
        replies.reserveCapacity(streams.count)
        for item in streams {
            guard let pair = item.array, pair.count == 2, let key = pair[0].string, let values = pair[1].array else {
                throw StreamsError.unexpectedReply("XREAD answered with something other than pairs of key and entries", item)
            }
            var entries: [StreamEntry] = []
            entries.reserveCapacity(values.count)
            for value in values { entries.append(try StreamEntry(reply: value, stream: key)) }
            replies.append(StreamReply(stream: key, entries: entries))
        }
        return replies
    }

    /// `last-generated-id` out of an XINFO STREAM reply: `[name, value, ...]`.
    package static func lastGeneratedID(_ reply: RedisValue) throws(StreamsError) -> EntryID {
        guard let flat = reply.array else { throw StreamsError.unexpectedReply("XINFO STREAM did not answer with an array", reply) }
        for index in stride(from: 0, to: flat.count - 1, by: 2) where flat[index].string == "last-generated-id" {
            if let id = flat[index + 1].string.flatMap({ EntryID($0) }) { return id }
        }
        throw StreamsError.unexpectedReply("XINFO STREAM answered without last-generated-id", reply)
    }
}

extension RedisValue {
    /// A flat HGETALL reply as a dictionary; values that are no text are left out.
    package func fields(of command: String) throws(StreamsError) -> [String: String] {
        guard let flat = array, flat.count.isMultiple(of: 2) else {
            throw StreamsError.unexpectedReply("\(command) did not answer with pairs", self)
        }
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: flat.count, by: 2) {
            if let name = flat[index].string, let value = flat[index + 1].string { fields[name] = value }
        }
        return fields
    }
}
