internal import Coordination
internal import Ingest
internal import NIOCore
package import RedisClient
internal import Simulator

/// One entry of a feed's streams as the recording keeps it: payloads by size and hash.
///
/// The first line of a file is `{"t":"feed","feed":..,"group":..,"control":<key>}`. Then, in id order over all streams of the feed:
///
/// | `t` | members |
/// |---|---|
/// | `packet` | `id`, `stream` (key), `time` (ns since 1970), `prev`, `after` (only where the entry has it), `bytes`, `fnv` (as in the truth) |
/// | `marker` | `id`, `stream`, `marker`, and the marker's own fields as texts |
/// | `foreign` | `id`, `stream`: neither |
package enum StreamRecord {
    /// Reads `[id, [field, value, ...]]` of a reply into a line. Throws for anything else.
    package static func line(of entry: RedisValue, stream: String) throws(HistoryError) -> [UInt8] {
        guard let pair = entry.array, pair.count == 2, let id = pair[0].string, let flat = pair[1].array, flat.count.isMultiple(of: 2)
        else {
            throw HistoryError(.redis, "an entry of \(stream) is no pair of id and fields: \(entry)")
        }
        var fields: [JSONLine.Field] = []
        var kind = "foreign"
        for index in stride(from: 0, to: flat.count, by: 2) {
            guard let name = flat[index].string else { continue }
            switch name {
            case "marker":
                kind = "marker"
                fields.append(("marker", .text(flat[index + 1].string ?? "")))
            case "data":
                kind = "packet"
                guard case .bytes(let data) = flat[index + 1] else { continue }
                fields.append(("bytes", .number(Int64(data.readableBytes))))
                fields.append(("fnv", .text(FNV1a.text(FNV1a.hash(data.readableBytesView)))))
            case "t", "id", "stream": continue
            default: fields.append((name, .text(flat[index + 1].string ?? "")))
            }
        }
        var line = JSONLine()
        line.add("t", .text(kind))
        line.add("id", .text(id))
        line.add("stream", .text(stream))
        for (name, value) in fields { line.add(name, value) }
        return line.finished()
    }

    static func header(feed: FeedName, group: String, control: String) -> [UInt8] {
        var line = JSONLine()
        line.add("t", .text("feed"))
        line.add("feed", .text(feed.text))
        line.add("group", .text(group))
        line.add("control", .text(control))
        return line.finished()
    }

    /// A line of an event log: `{"t":"event","id":..,"event":..,"feed":..,"worker":..,"epoch":..,"reason":..,"admitted":..,"at":..}`, all texts.
    static func event(_ entry: RedisValue, group: String) throws(HistoryError) -> (id: String, line: [UInt8]) {
        guard let pair = entry.array, pair.count == 2, let id = pair[0].string, let flat = pair[1].array, flat.count.isMultiple(of: 2)
        else {
            throw HistoryError(.redis, "an event of \(group) is no pair of id and fields: \(entry)")
        }
        var line = JSONLine()
        line.add("t", .text("event"))
        line.add("id", .text(id))
        for index in stride(from: 0, to: flat.count, by: 2) {
            line.add(flat[index].string ?? "", .text(flat[index + 1].string ?? ""))
        }
        return (id, line.finished())
    }
}
