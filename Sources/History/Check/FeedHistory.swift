internal import Coordination

/// Goes through the recording of one feed once, with all rules that concern its streams.
struct FeedHistory {
    /// A websocket, its first packet, and the last packet of those before, in boot nanoseconds.
    struct Beginning {
        var up: Int64
        var lastPacketBefore: Int64?
        var firstPacket: Int64?
    }

    struct Header {
        var feed: String
        var group: String
        var control: String
    }

    let header: Header
    private(set) var beginnings: [Beginning] = []
    private(set) var totals = MessageRule.Totals()
    private(set) var stale = 0
    private(set) var entries = 0
    private(set) var isPartial = false
    private let reader: LineReader
    private let clock: ClockMap

    /// Opens the file and reads whose it is.
    init(_ path: String, clock: ClockMap) throws(HistoryError) {
        reader = try LineReader(path)
        self.clock = clock
        guard try reader.next(), reader.is("t", "feed") else {
            throw HistoryError(.format, "\(path) does not begin with the line that names its feed")
        }
        header = Header(
            feed: try reader.demand(reader.text("feed"), "feed"), group: try reader.demand(reader.text("group"), "group"),
            control: try reader.demand(reader.text("control"), "control"))
    }

    mutating func read(truth: TruthHistory, sockets: [TrueSocket], into findings: inout Findings) throws(HistoryError) {
        var epochs = EpochRule(feed: header.feed, clock: clock)
        var links = LinkRule(feed: header.feed, control: header.control, clock: clock)
        var messages = MessageRule(feed: header.feed, control: header.control, clock: clock, truth: truth, sockets: sockets)
        var lastPacketWall: Int64?
        while try reader.next() {
            let entry = try FeedEntry(reader)
            entries += 1
            switch epochs.judge(entry, into: &findings) {
            case .stale:
                stale += 1
                continue
            case .again, .proper: break
            }
            links.judge(entry, into: &findings)
            if case .packet(let hash, let bytes, let time) = entry.kind {
                try messages.take(entry, hash: hash, bytes: bytes, into: &findings)
                guard entry.stream != header.control else { continue }
                lastPacketWall = time
                if let last = beginnings.indices.last, beginnings[last].firstPacket == nil {
                    beginnings[last].firstPacket = clock.boot(wallNanoseconds: time)
                }
            } else {
                try messages.mark(entry, into: &findings)
                if case .up = entry.kind, let boot = clock.boot(redisMilliseconds: entry.id.milliseconds) {
                    beginnings.append(Beginning(up: boot, lastPacketBefore: lastPacketWall.flatMap { clock.boot(wallNanoseconds: $0) }))
                }
            }
        }
        try messages.finish(into: &findings)
        totals = messages.totals
        isPartial = epochs.isPartial
    }
}
