/// How long each fault kept its feeds without a lease and without packets.
struct FaultGaps {
    private(set) var faults: [FaultRecord] = []
    private var leaseGaps: [String: [Double]] = [:]
    private var packetGaps: [String: [Double]] = [:]

    init(_ path: String) throws(HistoryError) {
        let reader = try LineReader(path)
        while try reader.next() {
            faults.append(
                FaultRecord(
                    boot: try reader.demand(reader.integer("boot"), "boot"), kind: try reader.demand(reader.text("kind"), "kind"),
                    worker: reader.text("worker") ?? "", feeds: (reader.text("feeds") ?? "").split(separator: " ").map(String.init),
                    detail: reader.text("detail") ?? ""))
        }
        faults.sort { $0.boot < $1.boot }
    }

    init() {}

    /// A gap counts for the last fault before it that hit the feed.
    mutating func measure(_ acquisitions: [EventHistory.Acquisition], beginnings: [String: [FeedHistory.Beginning]]) {
        let byFeed = Dictionary(grouping: acquisitions, by: \.feed)
        var hits: [String: [FaultRecord]] = [:]
        for fault in faults {
            for feed in hit(fault, byFeed, Array(beginnings.keys)) { hits[feed, default: []].append(fault) }
        }
        for (feed, list) in hits {
            for (index, fault) in list.enumerated() {
                let end = index + 1 < list.count ? list[index + 1].boot : Int64.max
                if let next = (byFeed[feed] ?? []).first(where: { $0.boot > fault.boot && $0.boot < end }) {
                    leaseGaps[fault.kind, default: []].append(Double(next.boot - fault.boot) / 1e6)
                }
                let behind = (beginnings[feed] ?? []).first { $0.up > fault.boot && $0.up < end && $0.firstPacket != nil }
                if let first = behind?.firstPacket { packetGaps[fault.kind, default: []].append(Double(first - fault.boot) / 1e6) }
            }
        }
    }

    private func hit(_ fault: FaultRecord, _ byFeed: [String: [EventHistory.Acquisition]], _ all: [String]) -> [String] {
        if !fault.feeds.isEmpty { return fault.feeds }
        guard !fault.worker.isEmpty else { return all }
        return byFeed.filter { feed in
            feed.value.contains { $0.worker == fault.worker && $0.boot <= fault.boot && $0.ended > fault.boot }
        }.map(\.key)
    }

    var kinds: [HistoryVerdict.FaultKind] {
        Dictionary(grouping: faults, by: \.kind).map { kind, list in
            HistoryVerdict.FaultKind(
                kind: kind, faults: list.count, leaseGap: .init(leaseGaps[kind] ?? []), packetGap: .init(packetGaps[kind] ?? []))
        }.sorted { $0.kind < $1.kind }
    }

    var leaseGap: HistoryVerdict.Quantiles { .init(leaseGaps.values.flatMap { $0 }) }
    var packetGap: HistoryVerdict.Quantiles { .init(packetGaps.values.flatMap { $0 }) }
}
