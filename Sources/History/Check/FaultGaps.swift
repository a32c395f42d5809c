/// How long each fault kept its feeds without a lease and without packets.
struct FaultGaps {
    private(set) var faults: [FaultRecord] = []
    private var leaseGaps: [String: [Double]] = [:]
    private var websocketGaps: [String: [Double]] = [:]
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

    /// A gap counts for the last fault before it that hit the feed. Without packets it is from the fault, or from the last packet that still
    /// came behind it, to the first packet of the next websocket. `sockets`: those of each feed as the
    /// exchanges saw them; without a websocket it is from the first close frame, or the end, to the next one's opening.
    mutating func measure(
        _ acquisitions: [EventHistory.Acquisition], beginnings: [String: [FeedHistory.Beginning]], sockets: [String: [TrueSocket]]
    ) {
        let byFeed = Dictionary(grouping: acquisitions, by: \.feed)
        var hits: [String: [FaultRecord]] = [:]
        for fault in faults {
            for feed in hit(fault, byFeed, Array(beginnings.keys)) { hits[feed, default: []].append(fault) }
        }
        for (feed, list) in hits {
            for (index, fault) in list.enumerated() {
                let end = index + 1 < list.count ? list[index + 1].boot : Int64.max
                if let gap = Self.leaseGap(byFeed[feed] ?? [], from: fault.boot, to: end) {
                    leaseGaps[fault.kind, default: []].append(gap)
                }
                if let gap = Self.websocketGap(sockets[feed] ?? [], from: fault.boot, to: end) {
                    websocketGaps[fault.kind, default: []].append(gap)
                }
                let behind = (beginnings[feed] ?? []).first { $0.up > fault.boot && $0.up < end && $0.firstPacket != nil }
                // An owner that was asked to give a feed up goes on receiving until it does.
                let last = max(fault.boot, behind?.lastPacketBefore ?? 0)
                if let first = behind?.firstPacket { packetGaps[fault.kind, default: []].append(Double(first - last) / 1e6) }
            }
        }
    }

    /// Milliseconds before the first acquisition of that time; nil when there was none. A holder that was not hit goes on until it gives the
    /// lease up itself.
    private static func leaseGap(_ acquisitions: [EventHistory.Acquisition], from start: Int64, to end: Int64) -> Double? {
        guard let index = acquisitions.firstIndex(where: { $0.boot > start && $0.boot < end }) else { return nil }
        var from = start
        if index > 0, acquisitions[index - 1].isHandedBack { from = max(from, acquisitions[index - 1].ended) }
        return Double(acquisitions[index].boot - from) / 1e6
    }

    /// Milliseconds before the first websocket of that time; nil when none was opened, or none was there before.
    private static func websocketGap(_ sockets: [TrueSocket], from start: Int64, to end: Int64) -> Double? {
        guard let next = sockets.filter({ $0.opened > start && $0.opened < end }).min(by: { $0.opened < $1.opened }) else { return nil }
        guard let before = sockets.filter({ $0.opened < next.opened }).max(by: { $0.opened < $1.opened }) else { return nil }
        let ended = before.closing > 0 ? min(before.closing, before.closed) : before.closed
        return Double(max(0, next.opened - ended)) / 1e6
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
                kind: kind, faults: list.count, leaseGap: .init(leaseGaps[kind] ?? []), websocketGap: .init(websocketGaps[kind] ?? []),
                packetGap: .init(packetGaps[kind] ?? []))
        }.sorted { $0.kind < $1.kind }
    }

    var leaseGap: HistoryVerdict.Quantiles { .init(leaseGaps.values.flatMap { $0 }) }
    var websocketGap: HistoryVerdict.Quantiles { .init(websocketGaps.values.flatMap { $0 }) }
    var packetGap: HistoryVerdict.Quantiles { .init(packetGaps.values.flatMap { $0 }) }
}
