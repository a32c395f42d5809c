internal import Coordination
internal import NIOCore

extension ColonyEvent {
    /// The event as one line of JSON, without the line's end.
    ///
    /// | what | members |
    /// |---|---|
    /// | packet | `stream` `id` `epoch` `sequence` `time` (ns) `whole` `data`; `data_base64` instead of `data` if it is not UTF-8; `missing` if not whole; `repeat` if it is one |
    /// | marker | `stream` `id` `epoch` `sequence` `marker`, then the fields of the entry as text |
    /// | anything else | `stream` `id` `epoch` `sequence` `event`, then what it tells |
    public var jsonLine: String {
        var members: [(name: String, value: JSONText.Value)] = [
            ("stream", .string(stream)), ("id", .string(id.description)), ("epoch", .integer(Int64(id.epoch))),
            ("sequence", .integer(Int64(id.sequence))),
        ]
        switch self {
        case .packet(let packet): members += ColonyEvent.members(of: packet)
        case .gap(let gap): members += ColonyEvent.members(of: gap.marker)
        case .producerChanged(let change):
            members += change.marker.map { ColonyEvent.members(of: $0) } ?? [("event", .string("unannounced"))]
        case .rollback(let rollback):
            switch rollback.cause {
            case .announced: members += rollback.marker.map { ColonyEvent.members(of: $0) } ?? [("event", .string("rollback"))]
            case .observed(let last): members += [("event", .string("rolled_back")), ("last_generated", .string(last.description))]
            }
        case .trimmed(let trimmed):
            members += [
                ("event", .string("trimmed")), ("after", .string(trimmed.after.description)),
                ("lost_estimate", .integer(Int64(trimmed.lostEstimate))),
            ]
        case .foreign(let entry):
            members += [("event", .string("foreign"))]
            members += entry.fields.map { ("field_\($0.name)", .string($0.value)) }
        }
        return JSONText.object(members)
    }

    private static func members(of packet: Packet) -> [(name: String, value: JSONText.Value)] {
        var members: [(name: String, value: JSONText.Value)] = [
            ("time", .integer(packet.timeNanoseconds)), ("whole", .bool(packet.whole)),
        ]
        if let missing = packet.missing { members.append(("missing", .string(missing.word))) }
        if packet.isRepeat { members.append(("repeat", .bool(true))) }
        if let text = JSONText.utf8(packet.data) {
            members.append(("data", .string(text)))
        } else {
            members.append(("data_base64", .string(JSONText.base64(packet.data))))
        }
        return members
    }

    private static func members(of marker: Marker) -> [(name: String, value: JSONText.Value)] {
        [("marker", .string(marker.kind.rawValue))] + marker.fields.map { ($0.name, .string($0.value)) }
    }
}

extension Missing {
    /// As printed: `lost`, `trimmed`, `rolled_back`.
    package var word: String {
        switch self {
        case .lost: "lost"
        case .trimmed: "trimmed"
        case .rolledBack: "rolled_back"
        }
    }
}
