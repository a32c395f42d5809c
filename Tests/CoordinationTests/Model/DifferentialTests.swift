import Coordination
import Foundation
import NIOCore
import RedisClient
import TestSupport
import Testing

/// The same random calls on the model and on a real server: equal replies, equal keys. `COLONY_DIFFERENTIAL_CALLS` calls from
/// `COLONY_DIFFERENTIAL_SEED`.
@Suite(.timeLimit(.minutes(60)))
struct DifferentialTests {
    private static func setting(_ name: String, _ fallback: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? fallback
    }

    @Test func theModelAnswersAndStoresWhatARealServerDoes() async throws {
        let seed = UInt64(Self.setting("COLONY_DIFFERENTIAL_SEED", Int.random(in: 1...1_000_000_000)))
        let calls = Self.setting("COLONY_DIFFERENTIAL_CALLS", 10_000)
        try await withRedis { redis in
            let store = RedisHistoryStore(try await redis.connect())
            try await FunctionLibrary.clocked.load(on: store.connection)
            var model = FunctionModel()
            var caller = RandomCaller(seed: seed)
            var kinds: Set<String> = []
            for number in 1...calls {
                let call = caller.next(model)
                try await store.setClock(caller.now)
                let real = try await store.call(call)
                let modelled: RedisValue
                do throws(RedisError) { modelled = try model.run(call, now: caller.now) } catch {
                    modelled = .error(.init(text: error.description))
                }
                guard Self.text(real) == Self.text(modelled) else {
                    Issue.record("call \(number) of seed \(seed): \(call)\nserver \(Self.text(real))\nmodel  \(Self.text(modelled))")
                    return
                }
                kinds.insert(Self.kind(call, real))
                for feed in caller.feeds where number % 50 == 0 {
                    let byText = try model.call(ObserveCall(feeds: [feed]), now: caller.now)[0]
                    let typed = model.observe(feed.lease)
                    #expect(byText == typed)
                }
                if number % 500 == 0 || number == calls {
                    let (server, memory) = (try await Self.dump(store), Self.dump(model))
                    guard server == memory else {
                        let difference = server.difference(from: memory)
                        Issue.record("after call \(number) of seed \(seed), last \(call): \(difference)")
                        return
                    }
                }
                if number % 2500 == 0 {
                    // A fresh data set, so that early states are walked often.
                    try await store.reset()
                    model = FunctionModel()
                }
            }
            #expect(kinds.count > 45, "only these replies were reached from seed \(seed): \(kinds.sorted())")
        }
    }

    private static func text(_ value: RedisValue) -> String {
        switch value {
        case .array(let values): "[" + values.map { text($0) }.joined(separator: ", ") + "]"
        // Errors agree in their first word; their texts name different places.
        case .error(let error): error.prefix
        default: value.string ?? "nil"
        }
    }

    private static func kind(_ call: [RedisArgument], _ reply: RedisValue) -> String {
        guard case .string(let function) = call[1] else { return "?" }
        let words = text(reply).dropFirst().split(whereSeparator: { $0 == "," || $0 == " " || $0 == "]" }).prefix(2)
        return "\(function) \(words.filter { $0.allSatisfy(\.isLetter) || $0 == words.first }.joined(separator: " "))"
    }

    private static func dump(_ model: FunctionModel) -> [String] {
        var lines: [String] = []
        for (key, fields) in model.hashes { for (name, value) in fields { lines.append("\(key) \(name)=\(value)") } }
        for (key, members) in model.scores { for (member, score) in members { lines.append("\(key) \(member)=\(score)") } }
        for (key, stream) in model.streams { lines += dump(key, stream.entries) + ["\(key) top \(top(key, stream.lastGeneratedID))"] }
        return lines.sorted()
    }

    /// Ids of the event log are the server's own.
    private static func dump(_ key: String, _ entries: [StreamModel.Entry]) -> [String] {
        entries.enumerated().map { number, entry in
            let id = key.hasSuffix(":events") ? "\(number)" : entry.id.description
            return "\(key) \(id) \(entry.fields.map { "\($0.name)=\($0.value)" })"
        }
    }

    private static func top(_ key: String, _ id: StreamID) -> String { key.hasSuffix(":events") ? "" : id.description }

    private static func dump(_ store: RedisHistoryStore) async throws -> [String] {
        var lines: [String] = []
        func send(_ arguments: RedisArgument...) async throws -> RedisValue {
            try await store.connection.send(arguments, timeout: .seconds(20))
        }
        for key in try await send("KEYS", "test:{*").array ?? [] {
            let name = key.string ?? "?"
            switch try await send("TYPE", .string(name)).string {
            case "hash":
                for (field, value) in RedisHistoryStore.hash(try await send("HGETALL", .string(name))) {
                    lines.append("\(name) \(field)=\(value)")
                }
            case "zset":
                let members = RedisHistoryStore.hash(try await send("ZRANGE", .string(name), "0", "-1", "WITHSCORES"))
                for (member, score) in members { lines.append("\(name) \(member)=\(score)") }
            default:
                let facts = try await send("XINFO", "STREAM", .string(name)).array ?? []
                let at = facts.firstIndex { $0.string == "last-generated-id" } ?? 0
                let last = StreamID(facts[at + 1].string ?? "") ?? .zero
                lines += dump(name, RedisHistoryStore.entries(try await send("XRANGE", .string(name), "-", "+")))
                lines.append("\(name) top \(top(name, last))")
            }
        }
        return lines.sorted()
    }
}

/// Draws calls that are mostly plausible for the state they meet, and sometimes wrong in every argument.
struct RandomCaller {
    private var random: HistoryRandom
    private(set) var now: Int64 = 1_763_812_345_000
    private let keys = Keys(namespace: "test")
    let feeds: [FeedKeys]
    private let workers = ["a", "b", "c"].map { Incarnation("\($0).000000000000000\($0)") }

    init(seed: UInt64) {
        random = HistoryRandom(seed: seed)
        feeds = [keys.feed(FeedName("binance"), group: "binance"), keys.feed(FeedName("binance/2"), group: "binance")]
    }

    mutating func next(_ model: FunctionModel) -> [RedisArgument] {
        now += random.chance(5) ? random.number(1000...20_000) : random.number(0...300)
        if random.chance(1) { now -= random.number(0...100_000) }
        let feed = feeds[random.number(0...1)]
        let record = model.hashes[feed.lease] ?? [:]
        let number = random.number(0...99)
        switch number {
        case 0..<4: return InitCall(feed: feed, server: server()).arguments()
        case 4..<6: return ObserveCall(feeds: feeds).arguments()
        case 6..<18: return acquire(feed, record)
        case 18..<22:
            return RenewCall(leases: feeds.map { .init(feed: $0, token: token(model.hashes[$0.lease] ?? [:])) }).arguments()
        case 22..<36: return GateCall(feed: feed, token: token(record), paceMilliseconds: pace()).arguments()
        case 36..<40: return RetryCall(feed: feed, token: token(record), waitMilliseconds: wait()).arguments()
        case 40..<50:
            return BeginCall(
                feed: feed, token: token(record), floor: floor(record), floorMilliseconds: moment(record), server: server(),
                jump: random.number(100...999)
            ).arguments()
        case 50..<72: return publish(feed, record)
        case 72..<76:
            let first = cursor(record)
            return LostCall(
                feed: feed, token: token(record), first: first, last: first + random.number(-1...6), milliseconds: moment(record),
                reason: "overflow"
            ).arguments()
        case 76..<82:
            return DisconnectCall(
                feed: feed, token: token(record), first: cursor(record), hard: random.chance(50), delayMilliseconds: wait(),
                paceMilliseconds: pace(), reason: "end"
            ).arguments()
        case 82..<86: return release(feed, record)
        case 86..<91:
            return ResumeCall(
                feed: feed, incarnation: worker(record), epoch: max(0, floor(record) + random.number(-1...2)), next: cursor(record),
                ttlMilliseconds: 6000, floorMilliseconds: moment(record), server: server(), jump: random.number(100...999),
                renumber: random.chance(50), admittedAgeMilliseconds: random.chance(50) ? random.number(0...100_000) : nil
            ).arguments()
        case 91..<93:
            return TrimCall(
                feed: feed, streams: streams(feed), minimumMilliseconds: now - random.number(0...60_000),
                forgetMilliseconds: random.chance(50) ? now - random.number(0...60_000) : 0
            ).arguments()
        case 93..<97:
            let info: [BeatCall.Field] = [.init("state", random.chance(80) ? "ready" : "draining"), .init("load", "\(number)")]
            return BeatCall(namespace: keys, incarnation: workers[random.number(0...2)], info: random.chance(80) ? info : []).arguments()
        case 97: return request()
        default: return desire(feed, model)
        }
    }

    private mutating func server() -> String { random.chance(95) ? "run-1" : "run-2" }
    private mutating func pace() -> Int64 { [0, 1000, 60_000][random.number(0...2)] }
    private mutating func wait() -> Int64 { random.chance(50) ? 0 : random.number(0...3000) }
    private func streams(_ feed: FeedKeys) -> [String] { ["A", "B", "C"].map { feed.data(channel: "trade", symbol: $0) } }

    private mutating func worker(_ record: [String: String]) -> Incarnation {
        if random.chance(75), let holder = record["holder"], !holder.isEmpty { return Incarnation(holder) }
        return workers[random.number(0...2)]
    }

    private mutating func token(_ record: [String: String]) -> Token {
        let epoch = Int(record["epoch"] ?? "") ?? 0
        if random.chance(10) { return Token(incarnation: worker(record), epoch: max(0, epoch - random.number(0...2))) }
        if random.chance(8) { return Token(incarnation: worker(record), epoch: Int(record["previous_epoch"] ?? "") ?? 0) }
        return Token(incarnation: Incarnation(record["holder"] ?? ""), epoch: epoch)
    }

    private mutating func floor(_ record: [String: String]) -> Int {
        if random.chance(0.2) { return EntryID.maximumEpoch }
        let epoch = Int(record["epoch"] ?? "") ?? 0
        return max(0, epoch - (random.chance(30) ? random.number(0...3) : 0))
    }

    private mutating func moment(_ record: [String: String]) -> Int64 {
        let last = Int64(record["last_ms"] ?? "") ?? 0
        return max(0, random.chance(90) ? last + random.number(0...20) : last - random.number(1...50))
    }

    private mutating func cursor(_ record: [String: String]) -> Int {
        let next = Int(record["next_sequence"] ?? "") ?? 0
        return random.chance(75) ? next : max(1, next + random.number(-4...2))
    }

    private mutating func acquire(_ feed: FeedKeys, _ record: [String: String]) -> [RedisArgument] {
        let renewals = Int(record["renewals"] ?? "") ?? 0
        let mode: AcquireCall.Mode =
            switch random.number(0...2) {
            case 0: .free
            case 1: .seen(renewals: random.chance(85) ? renewals : renewals + 1)
            default: .dead(holder: worker(record))
            }
        let isRepeat = random.chance(10)
        let epoch = Int(record[isRepeat ? "previous_epoch" : "epoch"] ?? "") ?? 0
        return AcquireCall(
            feed: feed, incarnation: isRepeat ? worker(record) : workers[random.number(0...2)], ttlMilliseconds: 6000, mode: mode,
            seenEpoch: epoch, floor: floor(record), floorMilliseconds: moment(record), delayMilliseconds: wait(),
            connectMilliseconds: wait(), paceMilliseconds: pace(), quarantineMilliseconds: random.chance(50) ? 0 : 20_000, server: server(),
            jump: random.number(100...999), reason: "test"
        ).arguments()
    }

    private mutating func release(_ feed: FeedKeys, _ record: [String: String]) -> [RedisArgument] {
        ReleaseCall(
            feed: feed, proof: random.chance(50) ? .clean(token(record)) : .dead(worker(record)), reason: "drain",
            delayMilliseconds: wait(), connectMilliseconds: wait(), paceMilliseconds: pace(),
            quarantineMilliseconds: random.chance(50) ? 0 : 20_000, preferred: random.chance(50) ? "b" : nil,
            first: random.chance(50) ? cursor(record) : nil
        ).arguments()
    }

    private mutating func publish(_ feed: FeedKeys, _ record: [String: String]) -> [RedisArgument] {
        let token = token(record)
        let first = cursor(record)
        var milliseconds = moment(record)
        let streams = streams(feed)
        var packets: [PublishCall.Packet] = []
        for offset in 0..<random.number(0...6) {
            milliseconds += random.chance(3) ? -1 : random.number(0...3)
            let sequence = first + offset + (random.chance(1) ? 1 : 0)
            let id = EntryID(milliseconds: max(0, milliseconds), epoch: token.epoch, sequence: sequence)
            packets.append(
                PublishCall.Packet(
                    stream: random.chance(0.3) ? 9 : random.number(0...3), id: id, timeNanoseconds: milliseconds * 1_000_000,
                    previous: random.chance(30) ? 0 : max(0, sequence - 1), data: ByteBuffer(string: "payload \(sequence)")))
        }
        return PublishCall(
            feed: feed, token: token, first: first, controlMaximumLength: 100_000,
            streams: streams.map { .init(key: $0, maximumLength: 100_000) }, packets: packets
        ).arguments()
    }

    private mutating func request() -> [RedisArgument] {
        let fields = (0..<random.number(1...3)).map { _ in
            RequestCall.Field("move:e\(random.number(0...3))", random.chance(30) ? "" : "{\"id\":\"\(random.number(0...999))\"}")
        }
        return RequestCall(namespace: keys, fields: fields).arguments()
    }

    private mutating func desire(_ feed: FeedKeys, _ model: FunctionModel) -> [RedisArgument] {
        let ofCatalogue = random.chance(50)
        let current = model.hashes[ofCatalogue ? keys.meta : feed.subscriptions]?[ofCatalogue ? "catalogue_version" : "version"]
        let version = (Int(current ?? "") ?? 0) + (random.chance(20) ? 1 : 0)
        let value = random.chance(20) ? "" : "{\"version\":\(version)}"
        return DesireCall(target: ofCatalogue ? .catalogue(keys, feed.feed) : .subscriptions(feed), value: value, version: version)
            .arguments()
    }
}
