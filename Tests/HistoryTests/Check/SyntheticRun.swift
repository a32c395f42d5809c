import Foundation
import Ingest

@testable import History

/// A line of a recording whose members can be changed.
struct Line {
    var fields: [JSONLine.Field]

    init(_ kind: String, _ fields: [JSONLine.Field]) { self.fields = [("t", .text(kind))] + fields }

    var kind: String { text("t") }

    func text(_ name: String) -> String {
        switch fields.first(where: { $0.name == name })?.value {
        case .text(let text): text
        case .number(let number): "\(number)"
        case .flag(let flag): "\(flag)"
        case nil: ""
        }
    }

    func number(_ name: String) -> Int64 { Int64(text(name)) ?? 0 }

    mutating func set(_ name: String, _ value: JSONLine.Value) {
        if let at = fields.firstIndex(where: { $0.name == name }) {
            fields[at].value = value
        } else {
            fields.append((name, value))
        }
    }

    var bytes: [UInt8] {
        var line = JSONLine()
        for (name, value) in fields { line.add(name, value) }
        return line.finished()
    }
}

/// A whole run of one feed, without fault: worker `a` connects, is cut by the exchange, reconnects, is killed, and `b` takes over and drains.
///
/// Times are milliseconds from the start: 0 is boot time 1,000 s and 1,700,000,000,000 on Redis' clock.
struct SyntheticRun {
    static let workerA = "a.0000000000000001"
    static let workerB = "b.0000000000000002"
    static let control = "colony:{binance}:feed:binance"
    static let streams = ["colony:{binance}:trade:BTCUSDT", "colony:{binance}:ticker:BTCUSDT"]

    var truth: [Line] = []
    var workers: [String: [Line]] = [:]
    /// The first is the header.
    var entries: [Line] = []
    var events: [Line] = []
    var faults: [Line] = []

    private var lastIDs: [String: String] = [:]

    static func boot(_ milliseconds: Int64) -> Int64 { 1_000_000_000_000 + milliseconds * 1_000_000 }
    static func redis(_ milliseconds: Int64) -> Int64 { 1_700_000_000_000 + milliseconds }

    init(packets: Int = 10) {
        entries.append(
            Line("feed", [("feed", .text("binance")), ("group", .text("binance")), ("control", .text(Self.control))]))
        start(Self.workerA, at: 0)
        start(Self.workerB, at: 0)
        acquire(Self.workerA, epoch: 1, at: 10, event: "acquired", previous: (0, 0))
        socket(1, Self.workerA, epoch: 2, at: 1000, event: "connected", packets: packets, first: 1)
        end(1, Self.workerA, epoch: 2, at: 20_000, messages: packets + 2, next: packets + 2)
        socket(2, Self.workerA, epoch: 3, at: 23_010, event: "reconnected", packets: packets, first: 101)
        kill(2, Self.workerA, epoch: 3, at: 90_000, next: packets + 2)
        acquire(Self.workerB, epoch: 4, at: 90_150, event: "acquired", previous: (3, packets + 3))
        socket(3, Self.workerB, epoch: 5, at: 90_200, event: "reconnected", packets: packets, first: 201)
        drain(3, Self.workerB, epoch: 5, at: 100_000, messages: packets + 2, next: packets + 2)
    }

    // MARK: Parts

    private mutating func note(_ worker: String, _ kind: String, at time: Int64, _ fields: [JSONLine.Field] = [], feed: Bool = true) {
        let own: [JSONLine.Field] = feed ? [("feed", .text("binance"))] : []
        workers[worker, default: []].append(Line(kind, [("boot", .number(Self.boot(time)))] + own + fields))
    }

    private mutating func event(_ event: String, _ worker: String, epoch: Int, at time: Int64, admitted: String = "") {
        events.append(
            Line(
                "event",
                [
                    ("id", .text("\(Self.redis(time))-\(events.count)")), ("event", .text(event)), ("feed", .text("binance")),
                    ("worker", .text(worker)), ("epoch", .text("\(epoch)")), ("reason", .text("")), ("admitted", .text(admitted)),
                    ("at", .text("\(Self.redis(time))")),
                ]))
    }

    static func id(_ time: Int64, _ epoch: Int, _ sequence: Int) -> String {
        "\(redis(time))-\(epoch)" + String(repeating: "0", count: 12 - "\(sequence)".count) + "\(sequence)"
    }

    private mutating func marker(_ marker: String, epoch: Int, sequence: Int, at time: Int64, _ fields: [JSONLine.Field]) {
        let id = Self.id(time, epoch, sequence)
        entries.append(
            Line("marker", [("id", .text(id)), ("stream", .text(Self.control)), ("marker", .text(marker))] + fields))
        if marker != "gap" { lastIDs[Self.control] = id }
    }

    private mutating func start(_ worker: String, at time: Int64) {
        note(
            worker, "start", at: time,
            [
                ("worker", .text(worker)), ("ttl_ms", .number(6000)), ("self_fence_ms", .number(4500)), ("close_slack_ms", .number(750)),
                ("deadman", .flag(true)),
            ], feed: false)
        note(
            worker, "feed", at: time + 1,
            [
                ("exchange", .text("binance")), ("group", .text("binance")), ("pace_ms", .number(60_000)), ("routing", .text("symbol")),
            ])
    }

    private mutating func acquire(_ worker: String, epoch: Int, at time: Int64, event name: String, previous: (epoch: Int, next: Int)) {
        note(worker, "load", at: time - 1, [("why", .text("claim")), ("load", .number(1)), ("cap", .number(1))])
        note(
            worker, "granted", at: time + 1,
            [
                ("epoch", .number(Int64(epoch))), ("sent", .number(Self.boot(time - 1))), ("deadline", .number(Self.boot(time - 1 + 4500))),
                ("kept", .flag(true)),
            ])
        note(worker, "phase", at: time + 1, [("from", .text("claim")), ("to", .text("held")), ("epoch", .number(Int64(epoch)))])
        event(name, worker, epoch: epoch, at: time)
        marker(
            "fence", epoch: epoch, sequence: 0, at: time,
            [
                ("previous_epoch", .text("\(previous.epoch)")), ("previous_next", .text("\(previous.next)")),
                ("after", .text(lastIDs[Self.control] ?? "0-0")),
            ])
    }

    /// Opens a socket, sends a greeting, `packets` packets, alternating between the streams, and an acknowledgement before them.
    private mutating func socket(
        _ number: Int, _ worker: String, epoch: Int, at time: Int64, event name: String, packets: Int, first: Int
    ) {
        note(worker, "dial", at: time, [("socket", .number(Int64(number)))])
        event("connecting", worker, epoch: epoch - 1, at: time)
        let peer = "127.0.0.1:\(5000 + number)"
        addTruth("open", time + 10, number, [("request", .text("/ws")), ("peer", .text("[IPv4]\(peer)"))])
        note(
            worker, "opened", at: time + 11, [("socket", .number(Int64(number))), ("local", .text(peer)), ("peer", .text("127.0.0.1:80"))])
        event(name, worker, epoch: epoch, at: time + 20)
        marker(
            "up", epoch: epoch, sequence: 0, at: time + 20,
            [
                ("previous_epoch", .text("\(epoch - 1)")), ("previous_next", .text("1")), ("after", .text(lastIDs[Self.control] ?? "0-0")),
            ])
        note(worker, "begun", at: time + 21, [("socket", .number(Int64(number))), ("epoch", .number(Int64(epoch)))])
        note(worker, "phase", at: time + 21, [("from", .text("begin")), ("to", .text("live")), ("epoch", .number(Int64(epoch)))])
        // A heartbeat, which is not published, and an acknowledgement, which is.
        addMessage("answer", time + 30, number, hash: UInt64(first) << 32 | 1)
        addMessage("answer", time + 31, number, hash: UInt64(first) << 32 | 2)
        store(epoch, 1, previous: 0, Self.control, time + 31, hash: UInt64(first) << 32 | 2)
        for index in 0..<packets {
            let at = time + 100 + Int64(index) * 10
            let stream = Self.streams[index % 2]
            let message = first + index
            addMessage(
                "packet", at, number, hash: UInt64(message),
                [
                    ("channel", .text(index % 2 == 0 ? "trade" : "ticker")), ("symbol", .text("BTCUSDT")), ("n", .number(Int64(message))),
                ])
            store(epoch, 2 + index, previous: index < 2 ? 0 : index, stream, at, hash: UInt64(message))
        }
        for second in stride(from: time + 1000, to: time + 60_000, by: 1000) { renew(worker, epoch, second) }
    }

    private mutating func renew(_ worker: String, _ epoch: Int, _ time: Int64) {
        note(
            worker, "renewed", at: time + 1,
            [
                ("epoch", .number(Int64(epoch))), ("sent", .number(Self.boot(time))), ("deadline", .number(Self.boot(time + 4500))),
            ])
    }

    private mutating func addTruth(_ kind: String, _ time: Int64, _ socket: Int, _ fields: [JSONLine.Field]) {
        truth.append(
            Line(
                kind,
                [
                    ("boot", .number(Self.boot(time))), ("wall", .number(Self.redis(time))), ("exchange", .text("binance")),
                    ("socket", .number(Int64(socket))),
                ] + fields))
    }

    private mutating func addMessage(_ kind: String, _ time: Int64, _ socket: Int, hash: UInt64, _ fields: [JSONLine.Field] = []) {
        addTruth(kind, time, socket, fields + [("bytes", .number(100)), ("fnv", .text(Self.hex(hash)))])
    }

    static func hex(_ hash: UInt64) -> String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private mutating func store(_ epoch: Int, _ sequence: Int, previous: Int, _ stream: String, _ time: Int64, hash: UInt64) {
        let id = Self.id(time, epoch, sequence)
        var fields: [JSONLine.Field] = [
            ("id", .text(id)), ("stream", .text(stream)), ("time", .text("\(Self.redis(time) * 1_000_000)")),
            ("prev", .text("\(previous)")),
            ("bytes", .number(100)), ("fnv", .text(Self.hex(hash))),
        ]
        if previous == 0, stream != Self.control { fields.append(("after", .text(lastIDs[stream] ?? "0-0"))) }
        entries.append(Line("packet", fields))
        lastIDs[stream] = id
    }

    private mutating func down(_ epoch: Int, _ next: Int, at time: Int64, complete: String, admitted: String) {
        marker(
            "down", epoch: epoch, sequence: next, at: time,
            [("complete", .text(complete)), ("admitted", .text(admitted)), ("prev", .text("1")), ("reason", .text(""))])
    }

    /// The exchange closes; the reconnect is due 3 s later.
    private mutating func end(_ number: Int, _ worker: String, epoch: Int, at time: Int64, messages: Int, next: Int) {
        addTruth("close", time, number, [("cause", .text("rule")), ("closing", .number(Self.boot(time)))])
        note(worker, "closed", at: time + 1, [("socket", .number(Int64(number))), ("messages", .number(Int64(messages)))])
        note(worker, "phase", at: time + 1, [("from", .text("live")), ("to", .text("ending")), ("epoch", .number(Int64(epoch)))])
        event("disconnected", worker, epoch: epoch, at: time + 2, admitted: "1")
        down(epoch, next, at: time + 2, complete: "yes", admitted: "1")
        note(
            worker, "pending", at: time + 3, [("pending", .text("due")), ("ms", .number(3000)), ("sent", .number(Self.boot(time + 1)))])
    }

    private mutating func kill(_ number: Int, _ worker: String, epoch: Int, at time: Int64, next: Int) {
        for second in stride(from: time - 7_000, to: time, by: 1000) { renew(worker, epoch, second) }
        faults.append(
            Line(
                "fault",
                [
                    ("boot", .number(Self.boot(time))), ("kind", .text("kill")), ("worker", .text(worker)), ("feeds", .text("")),
                    ("detail", .text("")),
                ]))
        addTruth("close", time + 1, number, [("cause", .text("transport")), ("closing", .number(0))])
        event("crashed", worker, epoch: epoch, at: time + 100, admitted: "1")
        event("released", worker, epoch: epoch, at: time + 100)
        down(epoch, next, at: time + 100, complete: "no", admitted: "1")
    }

    private mutating func drain(_ number: Int, _ worker: String, epoch: Int, at time: Int64, messages: Int, next: Int) {
        for second in stride(from: time - 7_000, to: time, by: 1000) { renew(worker, epoch, second) }
        note(worker, "draining", at: time, feed: false)
        note(worker, "phase", at: time, [("from", .text("live")), ("to", .text("drain")), ("epoch", .number(Int64(epoch)))])
        note(worker, "closing", at: time + 1, [("socket", .number(Int64(number))), ("messages", .number(Int64(messages)))])
        addTruth("close", time + 2, number, [("cause", .text("client")), ("closing", .number(Self.boot(time + 1)))])
        note(worker, "closed", at: time + 3, [("socket", .number(Int64(number))), ("messages", .number(Int64(messages)))])
        event("disconnected", worker, epoch: epoch, at: time + 4, admitted: "0")
        event("released", worker, epoch: epoch, at: time + 4)
        down(epoch, next, at: time + 4, complete: "yes", admitted: "0")
        note(worker, "stop", at: time + 10, feed: false)
    }

    // MARK: Checking

    /// Writes the recording into a directory of its own and checks it.
    func check(_ options: HistoryChecker.Options = .init()) throws -> HistoryVerdict {
        let directory = RecordingDirectory(FileManager.default.temporaryDirectory.appending(path: "run-\(UUID().uuidString)").path)
        defer { try? FileManager.default.removeItem(atPath: directory.path) }
        try directory.create()
        func write(_ lines: [Line], to path: String) throws {
            try Data(lines.flatMap(\.bytes)).write(to: URL(filePath: path))
        }
        try write(truth, to: directory.truth)
        for (worker, lines) in workers { try write(lines, to: "\(directory.workers)/\(worker).jsonl") }
        try write(entries, to: directory.feed("binance"))
        try write(events, to: directory.events("binance"))
        try write(faults, to: directory.faults)
        let clock = Line("clock", [("boot", .number(Self.boot(0))), ("redis_us", .number(Self.redis(0) * 1000))])
        try write([clock], to: directory.clock)
        return try HistoryChecker.check(directory: directory, options: options)
    }
}
