import Coordination

/// A consumer after section 11 of the contract: one snapshot, merge up to the limit, verdict `whole` per entry.
struct HistoryReader {
    let streams: [Int]
    private var cursors: [StreamID]
    private var last: [(id: StreamID, epoch: Int, sequence: Int)?]
    /// The same without `gap` markers, which a reader takes as they come: what a verdict is about begins here.
    private var judged: [(id: StreamID, epoch: Int, sequence: Int)?]
    private var merged: (id: StreamID, rollbacks: Int) = (.zero, 0)
    private(set) var delivered = 0
    private(set) var notWhole = 0

    init(streams: [Int]) {
        self.streams = streams
        cursors = streams.map { _ in .zero }
        last = streams.map { _ in nil }
        judged = last
    }

    /// Reads once; returns what is wrong. `rollbacks` counts the times the store was put back.
    mutating func read(
        from store: any HistoryStore, keys: [String], count: Int, lineage: HistoryLineage, truth: HistoryTruth, rollbacks: Int
    ) async throws -> [String] {
        let got = try await store.read(streams.map { keys[$0] }, after: cursors, count: count)
        let limit = got.compactMap { $0.count == count ? $0.last?.id : nil }.min()
        var rows: [(at: Int, entry: StreamModel.Entry)] = []
        for (at, entries) in got.enumerated() {
            for entry in entries where limit.map({ entry.id <= $0 }) ?? true { rows.append((at, entry)) }
        }
        rows.sort { $0.entry.id < $1.entry.id }
        var faults: [String] = []
        for (at, entry) in rows {
            cursors[at] = entry.id
            if entry["foreign"] != nil { continue }
            delivered += 1
            // What was put back may be healed under the same ids; apart from that, they only grow.
            if entry.id <= merged.id, merged.rollbacks == rollbacks || entry.id.epoch > merged.id.epoch {
                faults.append("S8 a reader got \(entry.id) behind \(merged.id)")
            }
            merged = (entry.id, rollbacks)
            faults += judge(entry, at, lineage: lineage, truth: truth)
        }
        return faults
    }

    private mutating func judge(_ entry: StreamModel.Entry, _ at: Int, lineage: HistoryLineage, truth: HistoryTruth) -> [String] {
        let (epoch, sequence) = (entry.id.epoch, Int(entry.id.sequence % UInt64(EntryID.sequencesPerEpoch)))
        let isGap = entry["marker"] == "gap"
        defer {
            last[at] = (entry.id, epoch, isGap ? last[at]?.sequence ?? 0 : sequence)
            // A `gap` passes as it is: one that is the first seen of its epoch hides what else is missing there.
            if !isGap { judged[at] = last[at] } else if judged[at]?.epoch != epoch { judged[at] = nil }
        }
        guard let was = last[at], let from = judged[at], !isGap else { return [] }
        let whole = was.epoch == epoch ? entry["prev"] == String(was.sequence) : entry["after"] == was.id.description

        let name = "\(entry.id) \(entry.fields.map { "\($0.name)=\($0.value)" }) on stream \(streams[at])"
        let log = lineage.marks(of: streams[at], from: from.id, to: entry.id)
        var missing = log.contains { $0.id > from.id && $0.id < entry.id && $0.kind == .entry }
        // `down` knows what is stored; what was received and lost stands in `gap`.
        let isDown = entry["marker"] == "down"
        let base = UInt64(epoch) * UInt64(EntryID.sequencesPerEpoch)
        for skipped in stride(from: from.epoch == epoch ? from.sequence + 1 : 1, to: sequence, by: 1) where !isDown {
            if let receipt = truth.receipts[base + UInt64(skipped)], receipt.lost, receipt.stream == streams[at] { missing = true }
        }
        if whole, missing { return ["whole: \(name) follows \(was), but \(Array(log)) was there"] }
        if whole { return [] }
        notWhole += 1
        let disturbed = log.contains { $0.kind == .foreign || $0.kind == .deletion }
        let isRolledBack = !log.contains { $0.id == was.id } || !log.contains { $0.id == from.id }
        if missing || disturbed || isRolledBack { return [] }
        return ["whole: \(name) does not follow \(was), but nothing was between: \(Array(log))"]
    }
}
