public import Coordination
public import NIOCore
package import RedisClient

/// One entry of a stream of a feed, as it is stored.
public struct StreamEntry: Sendable, Hashable {
    public enum Content: Sendable, Hashable {
        /// `timeNanoseconds`: when the worker received it, ns since 1970 on the worker's wall clock. `data`: the payload as the exchange sent it.
        case packet(timeNanoseconds: Int64, data: ByteBuffer)
        case marker(Marker)
        /// Neither: written by hand, or by a later version.
        case foreign([Marker.Field])
    }

    public var id: EntryID
    /// Sequence of the entry before in this stream and epoch, 0 if there is none; nil if the entry has no such field.
    public var previous: Int?
    /// The stream's last id before the first entry of an epoch; nil on all other entries.
    public var after: EntryID?
    public var content: Content

    public init(id: EntryID, previous: Int?, after: EntryID?, content: Content) {
        self.id = id
        self.previous = previous
        self.after = after
        self.content = content
    }

    /// A `gap` marker stands outside the `prev` chain of the control stream.
    package var isGap: Bool {
        if case .marker(let marker) = content { marker.kind == .gap } else { false }
    }
}

extension StreamEntry {
    /// Reads one entry of an XRANGE, XREAD, XREADGROUP or XAUTOCLAIM reply: `[id, [field, value, ...]]`.
    package init(reply: RedisValue, stream: String) throws(StreamsError) {
        guard let pair = reply.array, pair.count == 2, let text = pair[0].string, let flat = pair[1].array, flat.count.isMultiple(of: 2)
        else {
            throw StreamsError.unexpectedReply("an entry of \(stream) is not a pair of id and fields", reply)
        }
        guard let id = EntryID(text) else {
            throw StreamsError.unexpectedReply("an entry of \(stream) has an id that is none", pair[0])
        }
        self.init(id: id, fields: flat)
    }

    private init(id: EntryID, fields flat: [RedisValue]) {
        var previous: Int?
        var after: EntryID?
        var time: Int64?
        var data: ByteBuffer?
        var kind: Marker.Kind?
        for index in stride(from: 0, to: flat.count, by: 2) {
            let value = flat[index + 1]
            switch flat[index].string {
            case "data": if case .bytes(let buffer) = value { data = buffer }
            case "time": time = value.integer
            case "prev": previous = value.integer.flatMap { Int(exactly: $0) }
            case "after": after = value.string.flatMap { EntryID($0) }
            case "marker": kind = value.string.flatMap { Marker.Kind(rawValue: $0) }
            default: break
            }
        }
        let content: Content
        if let kind {
            content = .marker(Marker(kind, fields: StreamEntry.fields(flat).filter { $0.name != "marker" }))
        } else if let data, let time {
            content = .packet(timeNanoseconds: time, data: data)
        } else {
            content = .foreign(StreamEntry.fields(flat))
        }
        self.init(id: id, previous: previous, after: after, content: content)
    }

    private static func fields(_ flat: [RedisValue]) -> [Marker.Field] {
        stride(from: 0, to: flat.count, by: 2).map { Marker.Field(flat[$0].string ?? "", flat[$0 + 1].string ?? "") }
    }
}
