/// A bar that the packet path is to keep, and what was found.
struct PathBar: Encodable, Sendable {
    var bar: String
    var measured: Double
    /// "<=" or ">=".
    var relation: String
    var limit: Double

    var isKept: Bool { relation == "<=" ? measured <= limit : measured >= limit }

    enum CodingKeys: String, CodingKey { case bar, measured, relation, limit, kept }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(bar, forKey: .bar)
        try container.encode((measured * 1000).rounded() / 1000, forKey: .measured)
        try container.encode(relation, forKey: .relation)
        try container.encode(limit, forKey: .limit)
        try container.encode(isKept, forKey: .kept)
    }
}

extension PathResults {
    /// The bars of what was measured.
    var bars: [PathBar] { cpuBars + otherBars }

    private var cpuBars: [PathBar] {
        var bars: [PathBar] = []
        for own in cases where own.program == bench.programs.measured.first {
            let place = "\(own.transport) \(own.size) B"
            bars.append(
                PathBar(bar: "CPU per packet to C with hiredis, \(place)", measured: ratio(own, to: .hiredis), relation: "<=", limit: 1))
            bars.append(
                PathBar(bar: "CPU per packet to C by hand, \(place)", measured: ratio(own, to: .resp), relation: "<=", limit: 1.5))
            for peer in cases where peer.isTLS == own.isTLS && peer.size == own.size {
                let limit: Double
                switch peer.program.role {
                case .worker, .hiredis, .resp: continue
                case .compiled: limit = 2
                case .python: limit = 10
                case .original: limit = 60
                }
                bars.append(
                    PathBar(
                        bar: "CPU per packet of \(peer.program.name) to the worker's, \(place)", measured: ratio(peer, to: .worker),
                        relation: ">=",
                        limit: limit))
            }
        }
        return bars
    }

    private var otherBars: [PathBar] {
        var bars = ceiling.map {
            PathBar(
                bar: "packets/s to the publish function fed by C, ws \($0.bytes) B", measured: $0.workerShare, relation: ">=", limit: 0.9)
        }
        for row in latency where row.packetsPerSecond == 10_000 && row.program == bench.programs.measured.first?.name {
            bars.append(PathBar(bar: "p50 at 10,000/s to C by hand", measured: row.p50Ratio, relation: "<=", limit: 1.5))
            bars.append(PathBar(bar: "p99 at 10,000/s to C by hand", measured: row.p99Ratio, relation: "<=", limit: 2))
        }
        if !cases.isEmpty {
            // 64 MB of it are the ring's bound.
            bars.append(
                PathBar(bar: "peak memory of the worker, MB", measured: Double(peakKilobytes(.worker)) / 1024, relation: "<=", limit: 104))
        }
        if let row = streams.last, row.streams > 1, let added = addedByStreams {
            bars.append(
                PathBar(bar: "p99 over \(row.streams) streams to one stream", measured: row.p99Ratio, relation: "<=", limit: 1.5))
            bars.append(PathBar(bar: "MB that \(row.streams) streams add", measured: added / 1024, relation: "<=", limit: 1))
        }
        return bars
    }
}
