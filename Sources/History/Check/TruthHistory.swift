internal import ColonyExchanges
internal import Simulator

/// What the exchanges did: their sockets, and what was sent on them.
struct TruthHistory {
    private(set) var sockets: [TrueSocket] = []
    /// Names of streams that messages belong to; 0: to none.
    private(set) var topics: [Topic] = [Topic(channel: "", symbol: "")]
    private(set) var packets = 0
    private(set) var isCutOff = false
    let messages: MessageSpill
    private var places: [UInt64: Int] = [:]
    private var topicPlaces: [Topic: Int] = [:]
    /// Numbers of sockets are unique within a file only.
    private var fileIndex: UInt64 = 0

    init() { messages = MessageSpill() }

    mutating func read(_ path: String, clock: inout ClockMap) throws(HistoryError) {
        let reader = try LineReader(path)
        while try reader.next() {
            if reader.is("t", "packet") {
                try addMessage(reader, isData: true)
            } else if reader.is("t", "answer") {
                try addMessage(reader, isData: false)
            } else {
                try take(reader, &clock)
            }
        }
        isCutOff = isCutOff || reader.isCutOff
        fileIndex += 1
    }

    /// Whose sockets they were, by the address the exchange saw.
    mutating func assign(_ workers: [WorkerHistory]) {
        var owners: [String: [SocketOwner]] = [:]
        for worker in workers {
            for (address, at) in worker.addresses { owners[address, default: []] += at.map { worker.sockets[$0] } }
        }
        for at in sockets.indices {
            let socket = sockets[at]
            let near = (owners[socket.peer] ?? []).filter {
                TrueSocket.isSame(opened: socket.opened, closed: socket.closed, by: $0.opened)
            }
            sockets[at].owner = near.min { $0.opened < $1.opened }
        }
    }

    // MARK: Lines

    private func socketKey(_ line: LineReader) throws(HistoryError) -> UInt64 {
        fileIndex << 48 | UInt64(bitPattern: try line.demand(line.integer("socket"), "socket"))
    }

    private mutating func addMessage(_ line: LineReader, isData: Bool) throws(HistoryError) {
        let key = try socketKey(line)
        guard let at = places[key] else {
            throw HistoryError(.format, "line \(line.number) of \(line.path) is of a socket that was not opened")
        }
        var topic = 0
        if isData {
            let channel = line.text("channel") ?? ""
            if !channel.isEmpty { topic = place(Topic(channel: channel, symbol: line.text("symbol") ?? "")) }
            packets += 1
            sockets[at].packets += 1
        }
        // A replayed message may be anything: it has no topic, and need not be published.
        try messages.append(
            TrueMessage(
                hash: try line.demand(line.hash("fnv"), "fnv"), number: UInt64(bitPattern: line.integer("n") ?? 0),
                boot: try line.demand(line.integer("boot"), "boot"), bytes: Int(line.integer("bytes") ?? 0), topic: topic, isData: topic > 0
            ),
            to: key)
    }

    private mutating func place(_ topic: Topic) -> Int {
        if let place = topicPlaces[topic] { return place }
        topics.append(topic)
        topicPlaces[topic] = topics.count - 1
        return topics.count - 1
    }

    private mutating func take(_ line: LineReader, _ clock: inout ClockMap) throws(HistoryError) {
        let boot = try line.demand(line.integer("boot"), "boot")
        if let wall = line.integer("wall") { clock.addWall(milliseconds: wall, boot: boot) }
        switch TruthRecord.Kind(rawValue: line.text("t") ?? "") {
        case .open:
            let key = try socketKey(line)
            places[key] = sockets.count
            sockets.append(
                TrueSocket(
                    number: key, exchange: line.text("exchange") ?? "", peer: TrueSocket.address(line.text("peer") ?? ""), opened: boot))
        case .close:
            guard let at = places[try socketKey(line)] else { return }
            sockets[at].closed = boot
            sockets[at].closing = line.integer("closing") ?? 0
            sockets[at].cause = line.text("cause") ?? ""
        case .raw:
            if let at = places[try socketKey(line)] { sockets[at].hasRaw = true }
        case .source:
            guard let at = places[try socketKey(line)] else { return }
            sockets[at].isSource = true
            let count = Int(line.integer("packets") ?? 0)
            sockets[at].packets += count
            packets += count
        case .start, .refused, .subscribe, .unsubscribe, .packet, .answer, .withheld, .fault, .summary: break
        case nil: throw HistoryError(.format, "line \(line.number) of \(line.path) is of no kind that the truth has")
        }
    }
}
