import ColonyStreams
import Coordination
import NIOCore

/// A generator whose runs can be repeated from the printed seed (splitmix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A model of one feed in Redis, by the letter of the layout: what was received, what is stored, what retention and accidents removed.
struct FeedHistory {
    enum Fate { case stored, lost, trimmed, removed }

    struct Record {
        var key: String
        var entry: StreamEntry
        var fate: Fate
        var payload: Int
    }

    let keys: FeedKeys
    private(set) var records: [Record] = []
    /// Offsets into `records` of each stream, and how many of them are gone for good.
    private var offsets: [String: [Int]] = [:]
    private(set) var registry: Set<String> = []
    private(set) var epoch = 0
    /// How often Redis lost data.
    private(set) var losses = 0
    private var next = 0
    private var milliseconds: Int64 = 1_000
    private var payloads = 0
    /// S of the previous entry of each stream in this epoch, as fixed at receipt.
    private var previous: [String: Int] = [:]

    init(keys: FeedKeys) { self.keys = keys }

    func id(_ sequence: Int) -> EntryID { EntryID(milliseconds: milliseconds, epoch: epoch, sequence: sequence) }

    /// The records of a stream, newest first.
    func newest(_ key: String) -> some Sequence<Record> { (offsets[key] ?? []).reversed().lazy.map { records[$0] } }

    /// The stored entries of a stream behind an id, oldest first.
    func stored(_ key: String, behind cursor: EntryID = EntryID(milliseconds: 0, epoch: 0, sequence: 0)) -> [StreamEntry] {
        newest(key).prefix { $0.entry.id > cursor }.filter { $0.fate == .stored }.map(\.entry).reversed()
    }

    /// last-generated-id: survives trimming, not an accident.
    func lastGenerated(_ key: String) -> EntryID {
        newest(key).first { $0.fate == .stored || $0.fate == .trimmed }?.entry.id ?? EntryID("0-0")!
    }

    func read(_ plan: ReadPlan) -> [StreamReply] {
        zip(plan.streams, plan.cursors).compactMap { key, cursor in
            let entries = stored(key, behind: cursor).prefix(plan.count)
            return entries.isEmpty ? nil : StreamReply(stream: key, entries: Array(entries))
        }
    }

    private mutating func append(_ key: String, _ entry: StreamEntry, _ fate: Fate = .stored, payload: Int = 0) {
        offsets[key, default: []].append(records.count)
        records.append(Record(key: key, entry: entry, fate: fate, payload: payload))
    }

    /// What surrounds an id in a stream, for messages.
    func context(_ key: String, _ id: EntryID) -> String {
        newest(key).drop { $0.entry.id > id }.prefix(8)
            .map {
                "\($0.entry.id) prev \($0.entry.previous ?? -1) after \($0.entry.after?.description ?? "-") \($0.fate) \($0.entry.isGap ? "gap" : "")"
            }
            .joined(separator: "; ")
    }

    mutating func passTime(_ milliseconds: Int64) { self.milliseconds += milliseconds }

    mutating func open(_ kind: Marker.Kind, fields: [Marker.Field] = []) {
        let fields = fields.isEmpty ? [.init("previous_epoch", "\(epoch)"), .init("previous_next", "\(next)")] : fields
        let after = lastGenerated(keys.control)
        epoch += 1
        next = 1
        previous = [keys.control: 0]
        let entry = StreamEntry(id: id(0), previous: nil, after: after, content: .marker(Marker(kind, fields: fields)))
        append(keys.control, entry)
    }

    mutating func down(complete: Bool = true) {
        let fields = [Marker.Field("reason", "closed"), .init("complete", complete ? "yes" : "no"), .init("admitted", "1")]
        let entry = StreamEntry(id: id(next), previous: previous[keys.control], after: nil, content: .marker(Marker(.down, fields: fields)))
        append(keys.control, entry)
        previous[keys.control] = next
        next += 1
    }

    mutating func packet(_ key: String, stored isStored: Bool = true, payload known: Int? = nil) {
        payloads += 1
        let payload = known ?? payloads
        let previous = previous[key] ?? 0
        let isFirst = previous == 0 && key != keys.control
        let content = StreamEntry.Content.packet(timeNanoseconds: Int64(payload), data: ByteBuffer(string: "\(payload)"))
        let entry = StreamEntry(
            id: id(next), previous: previous, after: isFirst && isStored ? lastGenerated(key) : nil, content: content)
        append(key, entry, isStored ? .stored : .lost, payload: payload)
        if isStored, key != keys.control { registry.insert(key) }
        self.previous[key] = next
        next += 1
    }

    /// Packets of the given streams are received, not stored, and declared.
    mutating func gap(_ streams: [String]) {
        let from = next
        for key in streams { packet(key, stored: false) }
        let fields = [Marker.Field("from", "\(from)"), .init("to", "\(next - 1)"), .init("reason", "overflow")]
        let entry = StreamEntry(id: id(next - 1), previous: nil, after: nil, content: .marker(Marker(.gap, fields: fields)))
        append(keys.control, entry)
    }

    /// Retention removes the oldest entries of a stream.
    mutating func trim(_ key: String, count: Int) {
        for at in (offsets[key] ?? []).filter({ records[$0].fate == .stored }).prefix(count) {
            records[at].fate = .trimmed
        }
    }

    /// Redis loses the newest entries of the epoch; the producer repeats them under a new one.
    mutating func rollBack(count: Int) {
        let tail = records.indices.suffix(count).filter { records[$0].entry.id.epoch == epoch && records[$0].entry.id.sequence > 0 }
        // Only plain stored packets, so that what is repeated is what was lost.
        guard let first = tail.first, tail.allSatisfy({ records[$0].fate == .stored && records[$0].payload > 0 }) else { return }
        let (oldEpoch, oldNext) = (epoch, records[first].entry.id.sequence)
        for at in tail { records[at].fate = .removed }
        losses += 1
        let fields = [
            Marker.Field("reason", "lost"), .init("previous_epoch", "\(oldEpoch)"), .init("previous_next", "\(oldNext)"),
        ]
        let again = tail.map { (records[$0].key, records[$0].payload) }
        open(.rollback, fields: fields)
        for (key, payload) in again { packet(key, payload: payload) }
    }
}
