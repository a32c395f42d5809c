internal import Coordination

/// One line of a feed's recording.
struct FeedEntry {
    enum Kind: Equatable {
        case packet(hash: UInt64, bytes: Int, timeNanoseconds: Int64)
        case fence, up, rollback
        case down(isComplete: Bool)
        case gap(from: Int, to: Int)
        case foreign

        /// Opens an epoch.
        var isOpening: Bool {
            switch self {
            case .fence, .up, .rollback: true
            case .packet, .down, .gap, .foreign: false
            }
        }
    }

    var id: EntryID
    var stream: String
    var kind: Kind
    var previous: Int?
    /// As the entry has it: `0-0` for none before.
    var after: String?
    var previousEpoch: Int?
    var previousNext: Int?
    var reason: String

    init(_ line: LineReader) throws(HistoryError) {
        let text = try line.demand(line.text("id"), "id")
        id = try line.demand(EntryID(text), "id")
        stream = try line.demand(line.text("stream"), "stream")
        previous = line.integer("prev").map { Int($0) }
        after = line.text("after")
        reason = ""
        if line.is("t", "packet") {
            kind = .packet(
                hash: try line.demand(line.hash("fnv"), "fnv"), bytes: Int(line.integer("bytes") ?? 0),
                timeNanoseconds: line.integer("time") ?? 0)
            return
        }
        previousEpoch = line.integer("previous_epoch").map { Int($0) }
        previousNext = line.integer("previous_next").map { Int($0) }
        reason = line.text("reason") ?? ""
        switch line.text("marker") {
        case "fence": kind = .fence
        case "up": kind = .up
        case "rollback": kind = .rollback
        case "down": kind = .down(isComplete: line.is("complete", "yes"))
        case "gap":
            kind = .gap(
                from: Int(try line.demand(line.integer("from"), "from")), to: Int(try line.demand(line.integer("to"), "to")))
        default: kind = .foreign
        }
    }
}
