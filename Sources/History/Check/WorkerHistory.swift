/// What one worker's journal says, gone through once: sockets for the other rules, and the rules about leases, beliefs and shares.
struct WorkerHistory {
    /// Times during which a worker believed itself producer of a feed.
    struct Belief {
        var worker: String
        var feed: String
        var epoch: Int
        var from: Int64
        var to: Int64
        /// The journal breaks off: the process ended at the latest at `to`, perhaps before.
        var isOpenEnded: Bool
        /// Number of the worker's socket.
        var socket: Int
    }

    struct FeedFacts {
        var exchange: String
        var group: String
        var paceMilliseconds: Int64
    }

    private struct Lease {
        /// Until when what was confirmed lets it be trusted, by this checker's own reckoning.
        var bound: Int64
        var phase = ""
        var epoch = 0
        var liveSince: Int64?
        var socket = 0
        var isClosingOverdue = false
    }

    private struct Pending {
        var earliest: Int64
    }

    let worker: String
    private(set) var sockets: [SocketOwner] = []
    /// Indices into `sockets` by the address that the exchange sees; a port may come again.
    private(set) var addresses: [String: [Int]] = [:]
    private(set) var beliefs: [Belief] = []
    private(set) var feeds: [String: FeedFacts] = [:]
    private(set) var hasHoles = false
    private(set) var ended = false
    private(set) var lastBoot: Int64 = 0
    private(set) var isDeadmanOn = true
    private(set) var packetsTaken = 0

    private var selfFence: Int64 = 4_500_000_000
    private var closeSlack: Int64 = 750_000_000
    private var leases: [String: Lease] = [:]
    private var pendings: [String: Pending] = [:]
    /// Index into `sockets` by feed and number.
    private var open: [String: Int] = [:]
    private var isDraining = false
    private let slack: Int64

    init(worker: String, slackMilliseconds: Int64) {
        self.worker = worker
        slack = slackMilliseconds * 1_000_000
    }

    mutating func read(_ path: String, into findings: inout Findings) throws(HistoryError) {
        let reader = try LineReader(path)
        while try reader.next() { try take(reader, into: &findings) }
        finish()
    }

    // MARK: Lines

    private mutating func take(_ line: LineReader, into findings: inout Findings) throws(HistoryError) {
        let boot = try line.demand(line.integer("boot"), "boot")
        lastBoot = max(lastBoot, boot)
        let kind = try line.demand(line.text("t"), "t")
        guard let feed = line.text("feed") else { return try takeOwn(kind, line, boot) }
        switch kind {
        case "feed":
            feeds[feed] = FeedFacts(
                exchange: line.text("exchange") ?? feed, group: line.text("group") ?? feed, paceMilliseconds: line.integer("pace_ms") ?? 0)
        case "load": judgeLoad(feed, line, boot, &findings)
        case "granted", "renewed": try judgeConfirmation(kind, feed, line, boot, &findings)
        case "phase": takePhase(feed, line, boot, &findings)
        case "pending":
            let sent = try line.demand(line.integer("sent"), "sent")
            pendings[feed] = Pending(earliest: sent + (line.integer("ms") ?? 0) * 1_000_000)
        case "dial": judgeDial(feed, boot, &findings)
        case "opened": takeOpened(feed, line, boot)
        case "begun", "resumed":
            guard let at = open[Self.key(feed, line)], let epoch = line.integer("epoch") else { return }
            sockets[at].epochs.append(Int(epoch))
            leases[feed]?.socket = at
        case "closing", "closed": takeEnd(kind, feed, line, boot)
        default: break
        }
    }

    private mutating func takeOwn(_ kind: String, _ line: LineReader, _ boot: Int64) throws(HistoryError) {
        switch kind {
        case "start":
            selfFence = try line.demand(line.integer("self_fence_ms"), "self_fence_ms") * 1_000_000
            closeSlack = try line.demand(line.integer("close_slack_ms"), "close_slack_ms") * 1_000_000
            isDeadmanOn = line.flag("deadman") ?? true
        case "outage":
            let sent = try line.demand(line.integer("sent"), "sent")
            for feed in leases.keys { leases[feed]!.bound = max(leases[feed]!.bound, sent + selfFence) }
        case "draining": isDraining = true
        case "stop": ended = true
        case "hole": hasHoles = true
        default: break
        }
    }

    // MARK: S11, S5

    private mutating func judgeConfirmation(
        _ kind: String, _ feed: String, _ line: LineReader, _ boot: Int64, _ findings: inout Findings
    ) throws(HistoryError) {
        let sent = try line.demand(line.integer("sent"), "sent")
        let deadline = try line.demand(line.integer("deadline"), "deadline")
        if kind == "granted" {
            guard line.flag("kept") ?? true else { return }
            leases[feed] = Lease(bound: sent + selfFence)
        }
        findings.checked(.s11, "confirmations and beliefs")
        let bound = max(leases[feed]?.bound ?? .min, sent + selfFence)
        leases[feed]?.bound = bound
        // An outage proof may have moved the deadline further than this confirmation.
        if deadline > bound {
            findings.add(
                HistoryViolation(
                    .s11, feed: feed, boot: boot,
                    "\(worker) trusts its lease until \((deadline - sent) / 1_000_000) ms behind the send of what was confirmed; allowed are "
                        + "\(selfFence / 1_000_000) ms"))
        }
    }

    private mutating func takePhase(_ feed: String, _ line: LineReader, _ boot: Int64, _ findings: inout Findings) {
        let to = line.text("to") ?? ""
        var lease = leases[feed] ?? Lease(bound: .max)
        lease.phase = to
        // While `resume` is being asked the websocket stays and the lease is believed held.
        let isLive = to == "live" || to == "resuming"
        if isLive, lease.liveSince == nil {
            lease.liveSince = boot
            lease.epoch = Int(line.integer("epoch") ?? 0)
        } else if !isLive, let since = lease.liveSince {
            lease.liveSince = nil
            findings.checked(.s11, "confirmations and beliefs")
            if boot > lease.bound, boot - lease.bound > closeSlack + slack {
                findings.add(
                    HistoryViolation(
                        .s11, feed: feed, boot: boot,
                        "\(worker) believed itself producer \((boot - lease.bound) / 1_000_000) ms beyond its lease"))
            }
            beliefs.append(
                Belief(
                    worker: worker, feed: feed, epoch: lease.epoch, from: since, to: min(boot, max(lease.bound, since)), isOpenEnded: false,
                    socket: lease.socket))
        }
        leases[feed] = lease
    }

    // MARK: S7, S12

    private mutating func judgeDial(_ feed: String, _ boot: Int64, _ findings: inout Findings) {
        guard let pending = pendings.removeValue(forKey: feed) else { return }
        findings.checked(.s7, "reconnects and attempts")
        // The worker's clock is read once per turn, and Redis' milliseconds are cut.
        guard boot < pending.earliest - 2_000_000 else { return }
        findings.add(
            HistoryViolation(
                .s7, feed: feed, boot: boot, "\(worker) connected \((pending.earliest - boot) / 1_000_000) ms before its time"))
    }

    private mutating func judgeLoad(_ feed: String, _ line: LineReader, _ boot: Int64, _ findings: inout Findings) {
        guard let load = line.integer("load"), let cap = line.integer("cap"), !isDraining else { return }
        findings.checked(.s12, "claims and grants")
        // The last claim may have been made under the cap of more work or fewer workers; a new one must fit, but for a handover, which
        // is chosen by the owner: it knows first who leaves.
        if line.text("why") == "claim", load > cap {
            findings.add(HistoryViolation(.s12, feed: feed, boot: boot, "\(worker) claimed up to \(load), its cap is \(cap)"))
        }
    }

    // MARK: Sockets

    private static func key(_ feed: String, _ line: LineReader) -> String { "\(feed) \(line.integer("socket") ?? 0)" }

    private mutating func takeOpened(_ feed: String, _ line: LineReader, _ boot: Int64) {
        open[Self.key(feed, line)] = sockets.count
        if let local = line.text("local"), !local.isEmpty { addresses[local, default: []].append(sockets.count) }
        sockets.append(SocketOwner(worker: worker, feed: feed, opened: boot))
    }

    private mutating func takeEnd(_ kind: String, _ feed: String, _ line: LineReader, _ boot: Int64) {
        guard let at = open[Self.key(feed, line)] else { return }
        if sockets[at].messages == nil {
            sockets[at].messages = line.integer("messages").map { Int($0) }
            sockets[at].closing = boot
            packetsTaken += sockets[at].messages ?? 0
        }
        if kind == "closed" {
            sockets[at].closed = boot
            open[Self.key(feed, line)] = nil
        }
    }

    /// The journal is over. What was believed then lasted at most as long as its lease.
    private mutating func finish() {
        for (feed, lease) in leases.sorted(by: { $0.key < $1.key }) {
            guard let since = lease.liveSince else { continue }
            beliefs.append(
                Belief(
                    worker: worker, feed: feed, epoch: lease.epoch, from: since, to: ended ? lastBoot : max(since, lease.bound),
                    isOpenEnded: !ended, socket: lease.socket))
        }
    }
}
