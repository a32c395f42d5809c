import Ingest

@testable import History

extension PlantedViolationTests {
    static let planted: [Planted] = [
        Planted("S1", "a packet of the killed worker is stored behind the successor's fence") { run in
            var stale = run.entries[run.place(of: 110)]
            stale.set("id", .text(SyntheticRun.id(90_190, 3, 13)))
            run.entries.insert(stale, at: run.place(marker: "fence", epoch: 4) + 1)
        },
        Planted("S2", "a sequence is left out") { run in run.shift(epoch: 2, from: 6, by: 1) },
        Planted("S2", "a packet stands behind the end of its epoch") { run in
            let down = run.entries.remove(at: run.place(marker: "down", epoch: 5))
            var line = down
            let last = run.place(of: 210)
            line.set("id", .text(SyntheticRun.id(90_385, 5, 11)))
            run.entries.insert(line, at: last)
            run.entries[last + 1].set("id", .text(SyntheticRun.id(90_390, 5, 12)))
        },
        Planted("S3", "a payload was never sent") { run in
            run.entries[run.place(of: 10)].set("fnv", .text("00000000deadbeef"))
            run.truth.removeAll { $0.text("n") == "10" }
            run.setMessages(1, 11)
        },
        Planted("S3", "two packets are stored in exchanged order") { run in
            let (one, other) = (run.place(of: 103), run.place(of: 105))
            let hash = run.entries[one].text("fnv")
            run.entries[one].set("fnv", .text(run.entries[other].text("fnv")))
            run.entries[other].set("fnv", .text(hash))
        },
        Planted("S3", "a packet is stored twice") { run in
            run.entries[run.place(of: 210)].set("fnv", .text(run.entries[run.place(of: 209)].text("fnv")))
            run.truth.removeAll { $0.text("n") == "210" }
            run.setMessages(3, 11)
        },
        Planted("S3", "a packet is stored in another stream than its own") { run in
            let at = run.truth.firstIndex { $0.text("n") == "7" } ?? 0
            run.truth[at].set("symbol", .text("ETHUSDT"))
        },
        Planted("S3", "an entry names a wrong predecessor") { run in run.entries[run.place(of: 106)].set("prev", .text("2")) },
        Planted("S3", "the first of an epoch names a wrong end of the one before") { run in
            run.entries[run.place(of: 101)].set("after", .text("1-0"))
        },
        Planted("S3", "a marker names a wrong end of the one before") { run in
            run.entries[run.place(marker: "fence", epoch: 4)].set("after", .text("0-0"))
        },
        Planted("S4", "a socket is opened while the feed's last one is open") { run in
            let at = run.truth.firstIndex { $0.kind == "close" } ?? 0
            run.truth[at].set("boot", .number(SyntheticRun.boot(24_000)))
        },
        Planted("S5", "the successor believes itself producer before the other's end") { run in
            let lines = run.workers[SyntheticRun.workerB] ?? []
            let at = lines.firstIndex { $0.kind == "phase" && $0.text("to") == "live" } ?? 0
            run.workers[SyntheticRun.workerB]?[at].set("boot", .number(SyntheticRun.boot(89_990)))
        },
        Planted("S6", "a disconnect is admitted within the pace") { run in
            let at = run.events.firstIndex { $0.text("event") == "crashed" } ?? 0
            run.events[at].set("at", .text("\(SyntheticRun.redis(79_000))"))
        },
        Planted("S7", "a reconnect without an admission") { run in
            let at = run.events.firstIndex { $0.text("event") == "disconnected" } ?? 0
            run.events[at].set("admitted", .text("0"))
        },
        Planted("S7", "an attempt before its time") { run in
            let lines = run.workers[SyntheticRun.workerA] ?? []
            let at = lines.lastIndex { $0.kind == "dial" } ?? 0
            run.workers[SyntheticRun.workerA]?[at].set("boot", .number(SyntheticRun.boot(22_000)))
        },
        Planted("S7", "a websocket without a granted attempt") { run in
            let at = run.events.lastIndex { $0.text("event") == "connecting" } ?? 0
            run.events.remove(at: at)
        },
        Planted("S8", "an id goes back") { run in run.entries[run.place(of: 105)].set("id", .text(SyntheticRun.id(23_120, 3, 6))) },
        Planted("S9", "a received packet is neither stored nor declared") { run in run.forget(105) },
        Planted("S9", "the last packets before a complete end are not stored") { run in
            run.forget(210)
            run.forget(209)
        },
        Planted("S9", "a gap names fewer than are missing") { run in
            run.replaceByGap(5)
            run.forget(6)
        },
        Planted("S10", "an act of somebody who does not hold the lease") { run in
            let at = run.events.firstIndex { $0.text("event") == "reconnected" } ?? 0
            run.events[at].set("worker", .text(SyntheticRun.workerB))
        },
        Planted("S10", "an act under an old epoch") { run in
            let at = run.events.lastIndex { $0.text("event") == "connecting" } ?? 0
            run.events[at].set("epoch", .text("3"))
        },
        Planted("S11", "a renewal gives more time than its send allows") { run in
            let lines = run.workers[SyntheticRun.workerA] ?? []
            let at = lines.lastIndex { $0.kind == "renewed" } ?? 0
            run.workers[SyntheticRun.workerA]?[at].set("deadline", .number(lines[at].number("sent") + 4_501_000_000))
        },
        Planted("S11", "a worker believes itself producer beyond its lease") { run in
            run.workers[SyntheticRun.workerB]?.removeAll { $0.kind == "renewed" && $0.number("boot") > SyntheticRun.boot(92_000) }
        },
        Planted("S12", "a worker claims beyond its share") { run in
            let at = run.workers[SyntheticRun.workerB]?.firstIndex { $0.kind == "load" } ?? 0
            run.workers[SyntheticRun.workerB]?[at].set("load", .number(2))
        },
    ]
}

extension SyntheticRun {
    /// Where the packet of this number is stored.
    func place(of number: Int) -> Int {
        entries.firstIndex { $0.kind == "packet" && $0.text("fnv") == Self.hex(UInt64(number)) } ?? 0
    }

    func place(marker: String, epoch: Int) -> Int {
        entries.firstIndex { $0.text("marker") == marker && Self.split($0.text("id")).epoch == epoch } ?? 0
    }

    static func split(_ id: String) -> (time: Int64, epoch: Int, sequence: Int) {
        let parts = id.split(separator: "-")
        guard parts.count == 2 else { return (0, 0, 0) }
        return ((Int64(parts[0]) ?? 0) - redis(0), Int(parts[1].dropLast(12)) ?? 0, Int(parts[1].suffix(12)) ?? 0)
    }

    /// Moves the sequences of an epoch, from one on, and the links between them.
    mutating func shift(epoch: Int, from first: Int, by distance: Int) {
        var renamed: [String: String] = [:]
        for at in entries.indices {
            let id = Self.split(entries[at].text("id"))
            if let after = renamed[entries[at].text("after")] { entries[at].set("after", .text(after)) }
            guard id.epoch == epoch, id.sequence >= first else { continue }
            let fresh = Self.id(id.time, epoch, id.sequence + distance)
            renamed[entries[at].text("id")] = fresh
            entries[at].set("id", .text(fresh))
            if entries[at].text("marker") == "", entries[at].number("prev") >= Int64(first) {
                entries[at].set("prev", .text("\(entries[at].number("prev") + Int64(distance))"))
            }
        }
    }

    /// Takes a stored packet out and closes up ranks, as if it had never been taken.
    mutating func forget(_ number: Int) {
        let at = place(of: number)
        let gone = entries.remove(at: at)
        let id = Self.split(gone.text("id"))
        // What followed it in its stream follows what was before it.
        for later in entries.indices where later >= at {
            let other = Self.split(entries[later].text("id"))
            if entries[later].text("stream") == gone.text("stream"), other.epoch == id.epoch,
                entries[later].number("prev") == Int64(id.sequence)
            {
                entries[later].set("prev", .text(gone.text("prev")))
            }
            if entries[later].text("after") == gone.text("id") {
                let before = entries[..<later].last { $0.text("stream") == gone.text("stream") }
                entries[later].set("after", .text(before?.text("id") ?? "0-0"))
            }
        }
        shift(epoch: id.epoch, from: id.sequence + 1, by: -1)
    }

    /// A stored packet gives way to a marker that declares it lost; what follows keeps its links.
    mutating func replaceByGap(_ number: Int) {
        let at = place(of: number)
        let id = entries[at].text("id")
        let sequence = Self.split(id).sequence
        entries[at] = Line(
            "marker",
            [
                ("id", .text(id)), ("stream", .text(Self.control)), ("marker", .text("gap")), ("from", .text("\(sequence)")),
                ("to", .text("\(sequence)")), ("reason", .text("overflow")),
            ])
    }

    /// Redis loses data behind packet `number` of the last epoch: the worker repeats the two packets before it, which were not acknowledged, and the
    /// rest, under epoch 6.
    mutating func rollBack(behind number: Int) {
        let first = place(of: number - 1)
        let second = place(of: number)
        let cut = Self.split(entries[first].text("id")).sequence
        let rest = entries[(second + 1)...].filter { $0.kind == "packet" }
        let end = entries[entries.count - 1]
        let repeated = [entries[first], entries[second]] + rest
        entries.removeSubrange((second + 1)...)
        entries.append(
            Line(
                "marker",
                [
                    ("id", .text(Self.id(95_000, 6, 0))), ("stream", .text(Self.control)), ("marker", .text("rollback")),
                    ("reason", .text("lost")),
                    ("previous_epoch", .text("5")), ("previous_next", .text("\(cut)")), ("after", .text("0-0")),
                ]))
        var last: [String: Int] = [:]
        for (index, line) in repeated.enumerated() {
            var line = line
            let stream = line.text("stream")
            line.set("id", .text(Self.id(95_000 + Int64(index), 6, index + 1)))
            line.set("prev", .text("\(last[stream] ?? 0)"))
            if last[stream] == nil { line.set("after", .text("0-0")) }
            last[stream] = index + 1
            entries.append(line)
        }
        var down = end
        down.set("id", .text(Self.id(100_004, 6, repeated.count + 1)))
        down.set("prev", .text("0"))
        entries.append(down)
        for at in events.indices where Self.split("\(events[at].text("at"))-0").time > 95_000 { events[at].set("epoch", .text("6")) }
    }

    /// Redis loses the takeover of worker `b` and its first `count` entries, which were acknowledged; it goes on under epoch 106, on the socket
    /// of epoch 5.
    mutating func loseTakeover(andFirst count: Int) {
        let kept = entries.filter {
            Self.split($0.text("id")).epoch < 4 && !($0.text("marker") == "down" && Self.split($0.text("id")).epoch == 3)
        }
        let rest = entries.filter { Self.split($0.text("id")).epoch == 5 && $0.kind == "packet" }.dropFirst(count)
        guard var down = entries.last else { return }
        entries = kept
        let after: (String) -> String = { stream in kept.last { $0.text("stream") == stream }?.text("id") ?? "0-0" }
        entries.append(
            Line(
                "marker",
                [
                    ("id", .text(Self.id(95_000, 106, 0))), ("stream", .text(Self.control)), ("marker", .text("rollback")),
                    ("reason", .text("lost")), ("previous_epoch", .text("5")), ("previous_next", .text("\(count + 1)")),
                    ("after", .text(after(Self.control))),
                ]))
        var last: [String: Int] = [:]
        for (index, line) in rest.enumerated() {
            var line = line
            let stream = line.text("stream")
            line.set("id", .text(Self.id(95_000 + Int64(index), 106, index + 1)))
            line.set("prev", .text("\(last[stream] ?? 0)"))
            if last[stream] == nil { line.set("after", .text(after(stream))) }
            last[stream] = index + 1
            entries.append(line)
        }
        down.set("id", .text(Self.id(100_004, 106, rest.count + 1)))
        down.set("prev", .text("0"))
        entries.append(down)
        events.removeAll { event in
            ["4", "5"].contains(event.text("epoch")) && Self.split("\(event.text("at"))-0").time < 95_000
                || event.text("event") == "crashed"
                || event.text("event") == "released" && event.text("epoch") == "3"
        }
        events.insert(
            Line(
                "event",
                [
                    ("id", .text("\(Self.redis(95_000))-0")), ("event", .text("resumed")), ("feed", .text("binance")),
                    ("worker", .text(Self.workerB)), ("epoch", .text("106")), ("reason", .text("lost")), ("admitted", .text("")),
                    ("at", .text("\(Self.redis(95_000))")),
                ]), at: events.firstIndex { Self.split("\($0.text("at"))-0").time > 95_000 } ?? events.endIndex)
        for at in events.indices where Self.split("\(events[at].text("at"))-0").time > 95_000 { events[at].set("epoch", .text("106")) }
        let place = workers[Self.workerB]?.lastIndex { $0.kind == "begun" } ?? 0
        workers[Self.workerB]?.insert(
            Line(
                "resumed",
                [
                    ("boot", .number(Self.boot(95_001))), ("feed", .text("binance")), ("socket", .number(3)), ("epoch", .number(106)),
                ]), at: place + 1)
    }

    /// What the worker counted on a socket.
    mutating func setMessages(_ socket: Int, _ count: Int64) {
        for (worker, lines) in workers {
            for at in lines.indices where lines[at].number("socket") == Int64(socket) && !lines[at].text("messages").isEmpty {
                workers[worker]?[at].set("messages", .number(count))
            }
        }
    }
}
