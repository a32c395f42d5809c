/// How one feed came through one fault, step by step. All times are CLOCK_BOOTTIME in nanoseconds; nil: that did not happen.
struct Failover: Sendable, Equatable {
    var feed: String
    /// When the fault was brought about.
    var fault: Int64
    /// Name of the worker that held the lease when it came; empty: nobody did.
    var from = ""
    /// Name of the worker that has it behind it.
    var to = ""
    /// The lease was given up, or given up for the dead worker. Nil also where it ran out.
    var leaseFree: Int64?
    /// Another acquisition of the lease.
    var taken: Int64?
    /// The next websocket was open, by the exchange's record.
    var open: Int64?
    /// The last packet before that websocket, and the first one on it, by the exchange's record.
    var lastPacket: Int64?
    var firstPacket: Int64?

    /// What happened to `feed` between the fault at `fault` and the next one at `end`.
    init(feed: String, fault: Int64, until end: Int64, timeline: Timeline) {
        self.feed = feed
        self.fault = fault
        let sockets = timeline.sockets[feed] ?? []
        let next = sockets.first { $0.open > fault && $0.open < end }
        open = next?.open
        firstPacket = next?.firstPacket
        lastPacket = sockets.filter { $0.open < next?.open ?? end }.compactMap(\.lastPacket).max()
        let holder = (timeline.spans[feed] ?? []).last { $0.kind == .held && $0.from <= fault && $0.to > fault - Self.tick }
        from = Self.name(holder?.worker ?? "")
        to = from
        // The event log counts whole milliseconds, cut: what it tells may seem to lie a little before its cause.
        let acts = (timeline.acts[feed] ?? []).filter { $0.boot > fault - Self.tick && $0.boot < end }
        if let act = acts.first(where: { $0.event == "acquired" || $0.event == "taken_over" }) {
            taken = max(fault, act.boot)
            to = Self.name(act.worker)
        }
        if let act = acts.first(where: { $0.event == "released" || $0.event == "crashed" }) { leaseFree = max(fault, act.boot) }
    }

    private static let tick: Int64 = 1_500_000

    static func name(_ worker: String) -> String { String(worker.prefix { $0 != "." }) }

    /// Neither lease nor websocket changed.
    var isUnbroken: Bool { taken == nil && open == nil }

    /// When the last of its steps was done.
    var end: Int64 { [taken, open, firstPacket].compactMap { $0 }.max() ?? fault }

    /// From the fault, or the last packet that still came behind it, to the first one of the next websocket.
    var withoutPackets: Int64? { firstPacket.map { $0 - max(fault, lastPacket ?? fault) } }

    /// The steps in the order of the story, with their numbers from 2; 1 is the fault.
    var steps: [(number: Int, label: String, boot: Int64)] {
        let all: [(Int, String, Int64?)] = [
            (2, "lease free", leaseFree), (3, to.isEmpty ? "lease taken" : "\(to) has the lease", taken), (4, "websocket open", open),
            (5, "first packet", firstPacket),
        ]
        return all.compactMap { number, label, boot in boot.map { (number, label, $0) } }
    }

    /// Of every feed that a fault names, or of all feeds where it names none.
    static func all(of index: Int, in story: DrillStory, timeline: Timeline) -> [Failover] {
        let fault = story.faults[index]
        let end = index + 1 < story.faults.count ? story.faults[index + 1].boot : timeline.to
        return (fault.feeds.isEmpty ? timeline.feeds : fault.feeds.sorted()).map {
            Failover(feed: $0, fault: fault.boot, until: end, timeline: timeline)
        }
    }

    /// The fault whose feeds took longest until packets came again; nil without a fault.
    static func slowest(in story: DrillStory, timeline: Timeline) -> (index: Int, failovers: [Failover])? {
        story.faults.indices.map { ($0, all(of: $0, in: story, timeline: timeline)) }.max { duration($0.1) < duration($1.1) }
    }

    static func duration(_ failovers: [Failover]) -> Int64 { failovers.map { $0.end - $0.fault }.max() ?? 0 }
}
