import ColonyExchanges
import Coordination
import Logging
import NIOCore
import NIOPosix
import RedisClient
import TestSupport
import Testing

@testable import Ingest

/// One publisher, its link and its lease, on a real Redis.
struct PublisherRig: Sendable {
    final class Owner: PublisherOwner {
        var complaints: [String] = []
        var pressures: [Bool] = []
        var overflows = 0
        func publishFenced() { complaints.append("fenced") }
        func publishEnded() { complaints.append("ended") }
        func publishDisordered(topMilliseconds: Int64) { complaints.append("disordered") }
        func publishPressure(isHigh: Bool) { pressures.append(isHigh) }
        func publishOverflowed() { overflows += 1 }
    }

    final class Trimmer: RedisLinkUser {
        let keeper: RetentionKeeper
        init(keeper: RetentionKeeper) { self.keeper = keeper }
        func linkUp() {}
        func linkLost() {}
        func retentionChanged(_ step: MemoryGovernor.Step) {
            if step.share < 1 { keeper.trim(redisMilliseconds: 0, share: step.share) }
        }
    }

    /// Bound to the loop.
    final class Core {
        let link: RedisLink
        let publisher: Publisher
        let owner = Owner()
        let slots: [Int]
        private(set) var appended = 0
        private var trimmer: Trimmer?

        init(
            _ endpoint: RedisEndpoint, _ keys: FeedKeys, _ limits: PublishMachine.Limits, _ resources: PublishResources?,
            _ loop: any EventLoop
        ) {
            link = RedisLink(endpoint: endpoint, name: "test", reconnectCap: .milliseconds(20), on: loop, logger: Logger(label: "test"))
            var table = StreamTable(keys: keys) { _ in 100_000 }
            slots = [0] + ["A", "B"].map { table.slot(of: Topic(channel: "trade", symbol: $0)) }
            publisher = Publisher(
                keys: keys, table: table, limits: limits, link: link, resources: resources, owner: owner, logger: Logger(label: "test"))
            link.start()
            publisher.start()
        }

        /// Keeps the retention, as the holder of a feed does.
        func keepRetention() {
            let keeper = RetentionKeeper(
                keys: publisher.keys, rules: .init(maxAge: .zero, forget: .zero), publisher: publisher, link: link,
                logger: Logger(label: "test"))
            let trimmer = Trimmer(keeper: keeper)
            self.trimmer = trimmer
            link.add(trimmer)
        }

        /// Packets "1", "2", .. in turn on the control stream and two data streams, each followed by a filler.
        func append(_ count: Int, filler: String = "") {
            for _ in 0..<count {
                appended += 1
                var text = "\(appended)\(filler)"
                text.withUTF8 { bytes in
                    publisher.append(
                        slot: slots[appended % 3], payload: UnsafeRawBufferPointer(bytes), milliseconds: 0, time: 1,
                        now: LocalTime.now().nanoseconds)
                }
            }
            publisher.send()
        }
    }

    let loop: any EventLoop
    let keys: FeedKeys
    let token: Token
    private let core: NIOLoopBound<Core>

    /// Takes a fresh lease to an open websocket, on `server`, and publishes through `endpoint`.
    static func open(
        _ server: RedisServer, endpoint: RedisEndpoint? = nil, feed: String = "binance", limits: PublishMachine.Limits = .init(),
        resources: NIOLoopBound<PublishResources>? = nil, on loop: (any EventLoop)? = nil
    ) async throws -> PublisherRig {
        let redis = try await server.connect()
        defer { redis.close() }
        try await FunctionLibrary.colony1.load(on: redis)
        let keys = Keys().feed(FeedName(feed), group: feed)
        let incarnation = Incarnation(name: "w", random: 7)
        _ = try await redis.call(InitCall(feed: keys, server: "s"))
        let acquired = try await redis.call(
            AcquireCall(
                feed: keys, incarnation: incarnation, ttlMilliseconds: 6000, mode: .seen(renewals: 0), seenEpoch: 0, floor: 0,
                floorMilliseconds: 0, delayMilliseconds: 0, connectMilliseconds: 0, paceMilliseconds: 0, quarantineMilliseconds: 0,
                server: "s", jump: 100, reason: "test"))
        guard case .granted(let grant) = acquired else { throw TestFailure("not granted: \(acquired)") }
        let held = Token(incarnation: incarnation, epoch: grant.epoch)
        _ = try await redis.call(GateCall(feed: keys, token: held, paceMilliseconds: 0))
        let begun = try await redis.call(BeginCall(feed: keys, token: held, floor: 0, floorMilliseconds: 0, server: "s", jump: 100))
        guard case .opened(let epoch, let last, _) = begun else { throw TestFailure("not begun: \(begun)") }
        let token = Token(incarnation: incarnation, epoch: epoch)
        let loop = loop ?? MultiThreadedEventLoopGroup.singleton.next()
        let target = endpoint ?? server.endpoint
        let core = try await loop.submit {
            let core = Core(target, keys, limits, resources?.value, loop)
            core.publisher.begin(token, lastMilliseconds: last)
            return NIOLoopBound(core, eventLoop: loop)
        }.get()
        return PublisherRig(loop: loop, keys: keys, token: token, core: core)
    }

    func run<Value: Sendable>(_ body: @escaping @Sendable (Core) throws -> Value) async throws -> Value {
        try await loop.submit { [core] in try body(core.value) }.get()
    }

    func append(_ count: Int, filler: String = "") async throws { try await run { $0.append(count, filler: filler) } }

    // What tests look at most.
    var complaints: [String] { get async throws { try await run { $0.owner.complaints } } }
    var pressures: [Bool] { get async throws { try await run { $0.owner.pressures } } }
    var overflows: Int { get async throws { try await run { $0.owner.overflows } } }
    var memoryBytes: Int { get async throws { try await run { $0.publisher.machine.memoryBytes } } }
    /// The same, for callers on the rig's loop.
    var memoryBytesOnLoop: Int { core.value.publisher.machine.memoryBytes }
    var droppedPackets: Int { get async throws { try await run { $0.publisher.machine.counters.droppedPackets } } }
    var isAllStored: Bool { get async throws { try await run { $0.publisher.machine.isAllStored } } }
    var isReplicated: Bool { get async throws { try await run { $0.publisher.machine.isReplicated } } }
    var isRefused: Bool { get async throws { try await run { $0.publisher.isRefused } } }

    func keepRetention() async throws { try await run { $0.keepRetention() } }

    /// The retention by count that holds now for a stream.
    func maxlen(_ key: String) async throws -> Int { try await run { $0.publisher.table.maxlen(ofKey: key) } }

    /// Waits until everything received is stored.
    func stored() async throws {
        try await eventually("everything was stored") { try await isAllStored ? true : nil }
    }

    /// Packets go on being stored, all of them are there once and in order without a gap, none was dropped, and the owner heard of nothing.
    func expectNothingLost(_ redis: RedisConnection, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await append(30)
        try await stored()
        #expect(try await check(redis) == [], sourceLocation: sourceLocation)
        #expect(try await complaints == [], sourceLocation: sourceLocation)
        #expect(try await droppedPackets == 0, sourceLocation: sourceLocation)
    }

    func close() async throws {
        try await run {
            $0.publisher.stop()
            $0.link.close()
        }
    }

    /// A packet as a stream holds it.
    struct Entry: Sendable, Equatable {
        var id: EntryID
        var stream: String
        var data: String
    }

    /// All packets of the epoch in id order, and what `gap` markers name, adjacent ranges as one.
    func read(_ redis: RedisConnection) async throws -> (packets: [Entry], gaps: [ClosedRange<Int>]) {
        var packets: [Entry] = []
        var gaps: [ClosedRange<Int>] = []
        for key in [keys.control] + ["A", "B"].map({ keys.data(channel: "trade", symbol: $0) }) {
            let entries = try await redis.send(["XRANGE", .string(key), "-", "+"], timeout: .seconds(20)).array ?? []
            for entry in entries {
                guard let id = entry.array?[0].string.flatMap({ EntryID($0) }), id.epoch == token.epoch, id.sequence > 0 else { continue }
                let values = entry.array?[1].array?.map { $0.string ?? "" } ?? []
                let fields = Dictionary(
                    uniqueKeysWithValues: stride(from: 0, to: values.count - 1, by: 2).map { (values[$0], values[$0 + 1]) })
                if fields["marker"] == "gap", let from = fields["from"].flatMap({ Int($0) }), let to = fields["to"].flatMap({ Int($0) }) {
                    gaps.append(from...to)
                } else {
                    packets.append(Entry(id: id, stream: key, data: fields["data"] ?? ""))
                }
            }
        }
        packets.sort { ($0.id.milliseconds, $0.id.sequence) < ($1.id.milliseconds, $1.id.sequence) }
        var merged: [ClosedRange<Int>] = []
        for gap in gaps.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, last.upperBound + 1 == gap.lowerBound {
                merged[merged.count - 1] = last.lowerBound...gap.upperBound
            } else {
                merged.append(gap)
            }
        }
        return (packets, merged)
    }

    /// Entries that were added to the feed's streams and are not there any more.
    private func trimmedEntries(_ redis: RedisConnection) async throws -> Int {
        var count = 0
        for stream in [keys.control] + (try await redis.send(["HKEYS", .string(keys.streams)]).array ?? []).compactMap(\.string) {
            let facts = try await redis.send(["XINFO", "STREAM", .string(stream)]).array ?? []
            var values: [String: Int64] = [:]
            for index in stride(from: 0, to: facts.count - 1, by: 2) { values[facts[index].string ?? ""] = facts[index + 1].integer }
            count += Int((values["entries-added"] ?? 0) - (values["length"] ?? 0))
        }
        return count
    }

    /// Everything appended is stored once, in order, under consecutive sequences, or named by a gap. Returns the gaps.
    @discardableResult
    func check(_ redis: RedisConnection, filler: String = "") async throws -> [ClosedRange<Int>] {
        let (packets, gaps) = try await read(redis)
        let appended = try await run { $0.appended }
        let missing = Set(gaps.flatMap { Array($0) })
        let wanted = (1...max(1, appended)).filter { !missing.contains($0) && $0 <= appended }
        let found = packets.map(\.id.sequence)
        // Where memory is short old entries go: each is counted by its stream.
        let trimmed = found == wanted ? 0 : try await trimmedEntries(redis)
        guard found == wanted || (trimmed > 0 && found == wanted.filter(Set(found).contains) && wanted.count - found.count <= trimmed)
        else {
            throw TestFailure("stored are \(packets.count) packets, not the \(wanted.count) of \(appended) that no gap names (\(gaps))")
        }
        for packet in packets where packet.data != "\(packet.id.sequence)\(filler)" {
            throw TestFailure("packet \(packet.id.sequence) is stored as \(packet.data.prefix(40))")
        }
        return gaps
    }
}

/// How often the server has answered with this error since it started.
func refusals(_ prefix: String, _ redis: RedisConnection) async throws -> Int {
    let info = RedisServerInfo(try await redis.send(["INFO", "errorstats"], timeout: .seconds(20)).string ?? "")
    return info["errorstat_\(prefix)"].flatMap { Int($0.drop { $0 != "=" }.dropFirst()) } ?? 0
}

/// Waits until the server has refused a publish with this error.
func untilRefused(_ prefix: String, _ redis: RedisConnection) async throws {
    try await eventually("a publish was refused") { try await refusals(prefix, redis) > 0 ? true : nil }
}
