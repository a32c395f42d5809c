/// A hash as text fields; what was never set counts as empty, or 0.
struct RecordModel {
    private(set) var fields: [String: String]
    private(set) var changes: [String: String] = [:]

    init(_ fields: [String: String]) { self.fields = fields }

    subscript(name: String) -> String {
        get { fields[name] ?? "" }
        set {
            fields[name] = newValue
            changes[name] = newValue
        }
    }

    func number(_ name: String) -> Int64 { Int64(self[name]) ?? 0 }

    mutating func set(_ name: String, _ number: Int64) { self[name] = String(number) }

    mutating func due(wait: Int64, at moment: Int64) {
        self["pending"] = "due"
        set("pending_until", moment)
        set("pending_delay", wait)
        set("pending_span", wait)
    }

    func untilPending(_ now: Int64) -> String { String(max(0, number("pending_until") - now)) }

    /// An empty token belongs to nobody.
    func shows(_ token: String) -> Bool { !token.isEmpty && self["token"] == token }

    /// Marks a record as held anew.
    mutating func hold(_ incarnation: String, epoch: Int64) {
        self["state"] = "held"
        self["holder"] = incarnation
        open(incarnation, epoch: epoch)
    }

    mutating func open(_ incarnation: String, epoch: Int64) {
        self["token"] = "\(incarnation):\(epoch)"
        set("epoch", epoch)
        self["next_sequence"] = "1"
        self["control_sequence"] = "0"
    }
}

extension FunctionModel {
    func record(_ key: String) -> RecordModel? {
        guard let fields = hashes[key], fields["state"] != nil else { return nil }
        return RecordModel(fields)
    }

    mutating func store(_ record: RecordModel, at key: String) {
        hashes[key, default: [:]].merge(record.changes) { $1 }
    }

    func top(_ stream: String) -> StreamID? { streams[stream]?.lastGeneratedID }

    static func epochLimitReached(_ epoch: Int64) -> Bool { epoch > Int64(EntryID.maximumEpoch) }

    /// NEXT_EPOCH; nil when the counter is at its end.
    func nextEpoch(_ record: RecordModel?, floor: Int64, top: StreamID?, server: String, jump: Int64) -> Int64? {
        let known = max(record?.number("epoch") ?? 0, Int64(top?.epoch ?? 0))
        let sameServer = record.map { !$0["server"].isEmpty && $0["server"] == server } ?? false
        let next = max(known, floor) + (sameServer && floor <= known ? 1 : jump)
        return Self.epochLimitReached(next) ? nil : next
    }

    /// MARK_MS.
    func markMilliseconds(_ now: Int64, _ record: RecordModel?, _ top: StreamID?, floor: Int64) -> Int64 {
        max(now, record?.number("last_ms") ?? 0, floor, Int64(top?.milliseconds ?? 0))
    }

    func lastAdmitted(_ disconnects: String) -> Int64? { hashes[disconnects]?["last_admitted"].flatMap { Int64($0) } }

    func insidePace(_ lastAdmitted: Int64?, _ now: Int64, _ pace: Int64) -> Bool {
        guard let lastAdmitted, pace > 0 else { return false }
        return now - lastAdmitted < pace
    }

    /// REQUEST; true when admitted.
    mutating func request(
        _ disconnects: String, _ record: inout RecordModel, now: Int64, delay: Int64, pace: Int64, reason: String, lease: String,
        worker: String
    ) -> Bool {
        guard insidePace(lastAdmitted(disconnects), now, pace), let last = lastAdmitted(disconnects) else {
            var map = hashes[disconnects] ?? [:]
            map["count"] = String((map["count"].flatMap { Int64($0) } ?? 0) + 1)
            map["last_admitted"] = String(now)
            map["reason"] = reason
            map["feed"] = Self.feed(lease)
            map["worker"] = worker
            hashes[disconnects] = map
            record.due(wait: delay, at: now + delay)
            return true
        }
        let admitted = min(last, now)
        if admitted != last { hashes[disconnects]?["last_admitted"] = String(admitted) }
        record["pending"] = "cooling"
        record.set("pending_until", admitted + pace)
        record.set("pending_delay", delay)
        record.set("pending_span", admitted + pace - now)
        return false
    }

    static func afterAttempt(_ record: inout RecordModel, now: Int64, connect: Int64) {
        record.due(wait: connect, at: max(record.number("pending_until"), now + connect))
    }

    /// True for the third crash within the span.
    static func countCrash(_ record: inout RecordModel, now: Int64, quarantine: Int64) -> Bool {
        var crashes = record.number("crashes")
        var since = min(record.number("crashes_since"), now)
        if crashes == 0 || now - since > quarantine { (crashes, since) = (0, now) }
        record.set("crashes", crashes + 1)
        record.set("crashes_since", since)
        guard quarantine > 0, crashes + 1 >= 3 else { return false }
        record.due(wait: quarantine, at: now + quarantine)
        return true
    }

    static func feed(_ lease: String) -> String { text(in: lease, behind: ":lease:") ?? lease }

    /// What stands behind the first `separator`.
    static func text(in key: String, behind separator: String) -> String? {
        key.ranges(of: separator).first.map { String(key[$0.upperBound...]) }
    }

    mutating func wake(_ key: String, kind: String, _ message: String) {
        let prefix =
            key.ranges(of: ":\(kind):").first.map { String(key[..<$0.lowerBound]) }
            ?? (key.hasSuffix(":\(kind)") ? String(key.dropLast(kind.count + 1)) : key)
        published.append(Message(channel: "\(prefix):wake", text: message))
    }

    mutating func log(
        _ events: String, _ event: String, _ lease: String, worker: String, epoch: Int64, reason: String, admitted: String = "", now: Int64
    ) {
        let last = streams[events]?.lastGeneratedID ?? .zero
        let time = UInt64(now)
        let id =
            time > last.milliseconds
            ? StreamID(milliseconds: time, sequence: 0) : StreamID(milliseconds: last.milliseconds, sequence: last.sequence + 1)
        mark(
            events, id,
            [
                ("event", event), ("feed", Self.feed(lease)), ("worker", worker), ("epoch", String(epoch)), ("reason", reason),
                ("admitted", admitted), ("at", String(now)),
            ], maximumLength: 100_000)
    }

    mutating func mark(_ stream: String, _ id: StreamID, _ fields: [(String, String)], maximumLength: Int? = nil) {
        let appended = streams[stream, default: StreamModel()].append(
            StreamModel.Entry(id: id, fields: fields.map { StreamModel.Field($0.0, $0.1) }), maximumLength: maximumLength)
        precondition(appended, "The model gave \(stream) the id \(id), which is not above \(streams[stream]?.lastGeneratedID ?? .zero)")
    }

    static func id(_ milliseconds: Int64, epoch: Int64, sequence: Int64) -> StreamID {
        StreamID(EntryID(milliseconds: milliseconds, epoch: Int(epoch), sequence: Int(sequence)))
    }

    /// The marker that ends an epoch, and the cursor behind it.
    mutating func writeDown(
        _ control: String, _ record: inout RecordModel, now: Int64, reason: String, complete: String, admitted: String
    ) {
        let epoch = record.number("epoch")
        let sequence = record.number("next_sequence")
        var time = markMilliseconds(now, record, top(control), floor: 0)
        if let top = top(control), Self.id(time, epoch: epoch, sequence: sequence) <= top { time += 1 }
        mark(
            control, Self.id(time, epoch: epoch, sequence: sequence),
            [
                ("marker", "down"), ("at", String(now)), ("reason", reason), ("complete", complete), ("admitted", admitted),
                ("prev", String(record.number("control_sequence"))),
            ])
        record.set("last_ms", time)
        record.set("control_sequence", sequence)
        record.set("next_sequence", sequence + 1)
    }

    static func storedTop(_ record: RecordModel) -> String {
        Self.id(
            record.number("last_ms"), epoch: record.number("epoch"), sequence: max(0, record.number("next_sequence") - 1)
        ).description
    }
}
