import Coordination

/// What was received at a websocket: the truth that storage is judged by.
struct Receipt {
    var payload: String
    var receiver: Incarnation
    /// 0 is the control stream.
    var stream: Int
    var previous: Int
    var lost = false
}

/// The surviving history of one feed as an observer sees it who misses nothing: judged entry by entry as they come. A value: it is put back
/// together with the store.
struct HistoryLineage {
    struct Mark {
        enum Kind { case entry, gap, foreign, deletion }
        var id: StreamID
        var sequence: Int
        var kind: Kind
    }

    enum Opening { case none, fence, up, rollback }

    private(set) var epoch = 0
    private(set) var next = 0
    private(set) var lastID = StreamID.zero
    /// Per stream: everything it ever had, removed entries and deletions included.
    private(set) var logs: [[Mark]]
    /// Per stream, events last: the last id polled.
    var cursors: [StreamID]
    private var opening = Opening.none
    private var ended = false
    private var worker = Incarnation("")
    private var lastSequences: [Int]
    private var stored: [String: (epoch: Int, sequence: Int)] = [:]
    private var renumbered: [Int: (epoch: Int, next: Int)] = [:]
    private var admissions = 0
    private var ups = 0
    private var isExcused = true
    private var admitted: (count: Int, at: Int64)?
    private var lastRecord: [String: String] = [:]

    init(streams: Int) {
        logs = Array(repeating: [], count: streams)
        cursors = Array(repeating: .zero, count: streams + 1)
        lastSequences = Array(repeating: 0, count: streams)
    }

    /// The id that the stream gave out last, as `after` must tell it.
    func top(_ stream: Int) -> StreamID {
        guard let last = logs[stream].last, last.kind != .deletion else { return .zero }
        return last.id
    }

    /// What the stream got between two of its entries, both included; from its beginning when it does not have the first (any more).
    func marks(of stream: Int, from first: StreamID, to last: StreamID) -> ArraySlice<Mark> {
        let log = logs[stream]
        let end = log.lastIndex { $0.id == last } ?? log.endIndex - 1
        let start = log[...end].lastIndex { $0.id == first && $0.kind != .deletion } ?? 0
        return log[start...end]
    }

    mutating func streamDeleted(_ stream: Int) {
        logs[stream].append(Mark(id: logs[stream].last?.id ?? .zero, sequence: 0, kind: .deletion))
        cursors[stream] = .zero
    }

    mutating func recordDeleted() {
        isExcused = true
        lastRecord = [:]
    }

    /// Judges one step; returns what is wrong.
    mutating func observe(
        _ view: HistoryView, now: Int64, pace: Int64, truth: inout HistoryTruth
    ) -> [String] {
        var faults: [String] = []
        var fresh: [(stream: Int, entry: StreamModel.Entry)] = []
        for stream in logs.indices {
            for entry in view.entries[stream] {
                cursors[stream] = entry.id
                fresh.append((stream, entry))
            }
        }
        fresh.sort { $0.entry.id < $1.entry.id }
        faults += admissions(view.disconnects, now: now, pace: pace)
        for entry in view.entries[logs.count] {
            cursors[logs.count] = entry.id
            if entry["event"] == "quarantined" || entry["event"] == "resumed" { isExcused = true }
        }
        for (stream, entry) in fresh { faults += append(entry, to: stream, truth: &truth) }
        faults += cursor(view.record, now: now)
        return faults
    }

    // S6
    private mutating func admissions(_ map: [String: String], now: Int64, pace: Int64) -> [String] {
        let count = map["count"].flatMap { Int($0) } ?? 0
        let at = map["last_admitted"].flatMap { Int64($0) } ?? 0
        defer { admitted = map.isEmpty ? nil : (count, at) }
        guard count > admitted?.count ?? 0 else { return [] }
        admissions += 1
        if count != (admitted?.count ?? 0) + 1 { return ["S6 one call admitted \(count - (admitted?.count ?? 0)) times"] }
        if at != now { return ["S6 admitted at \(at), TIME is \(now)"] }
        if let admitted, now - admitted.at < pace { return ["S6 admissions \(now - admitted.at) ms apart"] }
        return []
    }

    // The record and the streams tell the same story.
    private mutating func cursor(_ record: [String: String], now: Int64) -> [String] {
        defer { lastRecord = record }
        var faults: [String] = []
        func number(_ name: String) -> Int { record[name].flatMap { Int($0) } ?? 0 }
        if record["phase"] == "connecting", lastRecord["phase"] == "waiting", lastRecord["token"] == record["token"] {
            if Int64(number("pending_until")) > now { faults.append("S7 GO \(number("pending_until") - Int(now)) ms before it is due") }
            if record["pending"] != "due" { faults.append("S7 GO while \(record["pending"] ?? "nothing")") }
        }
        guard number("epoch") == epoch, epoch > 0 else { return faults }
        if number("next_sequence") != next { faults.append("S2 the record's cursor is \(number("next_sequence")), the streams' \(next)") }
        if number("control_sequence") != lastSequences[0] {
            faults.append("S3 control_sequence is \(number("control_sequence")), the control stream's \(lastSequences[0])")
        }
        if UInt64(number("last_ms")) < lastID.milliseconds { faults.append("S1 last_ms is below \(lastID)") }
        return faults
    }

    private mutating func append(_ entry: StreamModel.Entry, to stream: Int, truth: inout HistoryTruth) -> [String] {
        let after = top(stream)
        if entry["foreign"] != nil {
            logs[stream].append(Mark(id: entry.id, sequence: 0, kind: .foreign))
            return []
        }
        let sequence = Int(entry.id.sequence % UInt64(EntryID.sequencesPerEpoch))
        let name = "\(entry.id) on stream \(stream)"
        defer {
            logs[stream].append(Mark(id: entry.id, sequence: sequence, kind: entry["marker"] == "gap" ? .gap : .entry))
            lastID = max(lastID, entry.id)
        }
        var faults: [String] = []
        if entry.id <= lastID { faults.append("S1 \(name) does not sort behind \(lastID)") }
        switch entry["marker"] {
        case nil: faults += packet(entry, sequence, stream, after, truth: &truth)
        case "fence", "up", "rollback": faults += open(entry, sequence, after, truth: &truth)
        case "gap":
            let (from, to) = (entry["from"].flatMap { Int($0) } ?? -1, entry["to"].flatMap { Int($0) } ?? -1)
            if entry.id.epoch != epoch || opening == .fence || ended { faults.append("S1 gap \(name) in epoch \(epoch)") }
            if from != next || to < from || sequence != to { faults.append("S2 gap \(from)...\(to) at \(name), expected from \(next)") }
            next = to + 1
        case "down":
            if entry.id.epoch != epoch || opening == .fence || ended { faults.append("S1 down \(name) in epoch \(epoch)") }
            if sequence != next { faults.append("S2 down \(name), expected sequence \(next)") }
            if entry["prev"] != String(lastSequences[0]) { faults.append("S3 prev of down \(name) is not \(lastSequences[0])") }
            lastSequences[0] = sequence
            next = sequence + 1
            ended = true
        default: faults.append("S1 unknown marker \(name)")
        }
        return faults
    }

    private mutating func open(_ entry: StreamModel.Entry, _ sequence: Int, _ after: StreamID, truth: inout HistoryTruth) -> [String] {
        var faults: [String] = []
        let opened = entry.id.epoch
        if sequence != 0 { faults.append("S2 \(entry.id) opens an epoch with sequence \(sequence)") }
        if opened <= epoch { faults.append("S1 epoch \(opened) opens behind \(epoch)") }
        if opened <= truth.highestEpoch { faults.append("S8 epoch \(opened) opens, \(truth.highestEpoch) was given out before") }
        if entry["after"] != after.description { faults.append("S3 after of \(entry.id) is \(entry["after"] ?? "missing"), not \(after)") }
        truth.highestEpoch = max(truth.highestEpoch, opened)
        switch entry["marker"] {
        case "up":
            // S7
            if !isExcused, ups > 0, admissions != 1 { faults.append("S7 \(admissions) admissions between two up, the second \(entry.id)") }
            (opening, ups, admissions, isExcused) = (.up, ups + 1, 0, false)
        case "rollback":
            opening = .rollback
            if let before = entry["previous_epoch"].flatMap({ Int($0) }), before < after.epoch {
                faults.append("S10 epoch \(before) resumed over its successor \(after)")
            }
            renumbered[opened] = (
                entry["previous_epoch"].flatMap { Int($0) } ?? 0, entry["previous_next"].flatMap { Int($0) } ?? 0
            )
        default: opening = .fence
        }
        (epoch, next, ended) = (opened, 1, false)
        worker = Incarnation(entry["worker"] ?? "")
        lastSequences = lastSequences.map { _ in 0 }
        return faults
    }

    private mutating func packet(
        _ entry: StreamModel.Entry, _ sequence: Int, _ stream: Int, _ after: StreamID, truth: inout HistoryTruth
    ) -> [String] {
        var faults: [String] = []
        let name = "\(entry.id) on stream \(stream)"
        if entry.id.epoch != epoch { faults.append("S1 packet \(name) behind the opening of epoch \(epoch)") }
        if opening == .fence || opening == .none || ended { faults.append("S1 packet \(name) without an open websocket") }
        if sequence != next { faults.append("S2 packet \(name), expected sequence \(next)") }
        next = sequence + 1
        let payload = entry["data"] ?? ""
        let known = truth.identities[entry.id.sequence]
        if let known, known != (entry.id, payload) { faults.append("S2 \(name) was \(known.0) with other content before") }
        truth.identities[entry.id.sequence] = (entry.id, payload)
        guard let receipt = truth.receipts[entry.id.sequence] else { return faults + ["S3 \(name) was never received so"] }
        if receipt.payload != payload || receipt.stream != stream { faults.append("S3 \(name) holds \(payload), received \(receipt)") }
        if receipt.receiver != worker { faults.append("S3 \(name) was received by \(receipt.receiver), the epoch is \(worker)'s") }
        if receipt.lost { faults.append("S3 \(name) was declared lost") }
        if entry["prev"] != String(receipt.previous) { faults.append("S3 prev of \(name) is \(entry["prev"] ?? "missing")") }
        let opens = receipt.previous == 0 && stream > 0
        if entry["after"] != (opens ? after.description : nil) {
            faults.append(
                "S3 after of \(name) is \(entry["after"] ?? "missing"), the stream's last id \(opens ? after.description : "none of its business")"
            )
        }
        if let copy = stored[payload] {
            // A resume repeats what was not acknowledged, and says so; a second one may follow before anything was published.
            var number = (epoch: entry.id.epoch, sequence: sequence)
            while number != copy, let before = renumbered[number.epoch] { number = (before.epoch, before.next + number.sequence - 1) }
            if number != copy { faults.append("S3 \(name) repeats \(copy)") }
        }
        stored[payload] = (entry.id.epoch, sequence)
        lastSequences[stream] = sequence
        return faults
    }
}

/// What holds over all lineages.
struct HistoryTruth {
    var highestEpoch = 0
    /// Sequence part of an id -> what was received under it.
    var receipts: [UInt64: Receipt] = [:]
    /// Sequence part of a stored packet's id -> its id and content, for ever.
    var identities: [UInt64: (StreamID, String)] = [:]
}
