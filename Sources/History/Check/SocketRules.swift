/// S4: at most one websocket of a feed is open, by the exchanges' own record.
struct OverlapRule {
    private(set) var total: Int64 = 0
    private(set) var worst: Int64 = 0

    /// `feedCounts`: feeds by exchange. A socket whose owner is unknown counts for the exchange, which may have one per feed.
    mutating func judge(_ sockets: [TrueSocket], feedCounts: [String: Int], into findings: inout Findings) {
        var groups: [String: [TrueSocket]] = [:]
        for socket in sockets {
            let isOne = (feedCounts[socket.exchange] ?? 1) <= 1
            groups[isOne ? socket.exchange : socket.owner?.feed ?? "\(socket.exchange)/?", default: []].append(socket)
        }
        for (name, list) in groups.sorted(by: { $0.key < $1.key }) {
            let allowed = name.hasSuffix("/?") ? max(1, feedCounts[String(name.dropLast(2))] ?? 1) : 1
            judge(name, list.sorted { $0.opened < $1.opened }, allowed: allowed, &findings)
        }
    }

    private mutating func judge(_ name: String, _ sockets: [TrueSocket], allowed: Int, _ findings: inout Findings) {
        var open: [TrueSocket] = []
        for socket in sockets {
            findings.checked(.s4, "sockets")
            open.removeAll { $0.closed <= socket.opened }
            if open.count >= allowed {
                // The one that ends first leaves the others alone.
                let ends = open.map(\.closed).sorted()[open.count - allowed]
                let overlap = min(ends, socket.closed) - socket.opened
                total += overlap
                worst = max(worst, overlap)
                let milliseconds = HistoryVerdict.text(Double(overlap) / 1e6)
                findings.add(
                    HistoryViolation(
                        .s4, feed: name, boot: socket.opened,
                        "socket \(socket.number) was open beside \(open.map { "\($0.number)" }.joined(separator: ", "))"
                            + (ends == .max && socket.closed == .max ? " to the end" : " for \(milliseconds) ms")))
            }
            open.append(socket)
        }
    }
}

/// S5: the times during which workers believe themselves producer of a feed do not meet.
struct BeliefRule {
    func judge(_ workers: [WorkerHistory], truth: TruthHistory, faults: [FaultRecord], into findings: inout Findings) {
        // A process that was killed believes nothing any more: its kernel closed the socket. Behind a proxy only the fault tells when.
        let kills = Dictionary(
            faults.filter { $0.kind == "kill" && !$0.worker.isEmpty }.map { ($0.worker, $0.boot) }, uniquingKeysWith: min)
        var ends: [String: [Int64]] = [:]
        for socket in truth.sockets {
            if let owner = socket.owner, socket.closed < .max { ends["\(owner.worker) \(owner.feed)", default: []].append(socket.closed) }
        }
        var byFeed: [String: [WorkerHistory.Belief]] = [:]
        for worker in workers {
            for var belief in worker.beliefs {
                if belief.isOpenEnded {
                    let closed = ends["\(belief.worker) \(belief.feed)"]?.filter { $0 > belief.from }.min()
                    belief.to = min(belief.to, closed ?? belief.to, max(belief.from, kills[belief.worker] ?? belief.to))
                }
                byFeed[belief.feed, default: []].append(belief)
            }
        }
        for (feed, list) in byFeed.sorted(by: { $0.key < $1.key }) {
            var last: WorkerHistory.Belief?
            for belief in list.sorted(by: { $0.from < $1.from }) {
                findings.checked(.s5, "times as producer")
                if let last, last.to > belief.from, last.worker != belief.worker {
                    let overlap = HistoryVerdict.text(Double(min(last.to, belief.to) - belief.from) / 1e6)
                    findings.add(
                        HistoryViolation(
                            .s5, feed: feed, boot: belief.from,
                            "\(belief.worker) (epoch \(belief.epoch)) and \(last.worker) (epoch \(last.epoch)) both believed to be producer for "
                                + "\(overlap) ms"))
                }
                if belief.to > last?.to ?? .min { last = belief }
            }
        }
    }
}
