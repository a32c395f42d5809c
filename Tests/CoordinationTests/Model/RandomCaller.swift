import Coordination
import NIOCore
import RedisClient

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

    mutating func next(_ model: FunctionModel, timeGoesOn: Bool = true) -> [RedisArgument] {
        if timeGoesOn {
            now += random.chance(5) ? random.number(1000...20_000) : random.number(0...300)
            if random.chance(1) { now -= random.number(0...100_000) }
        }
        let call = draw(model)
        return random.chance(2) ? spoil(call) : call
    }

    /// A call with an argument too few, or one that is no number, or of a function that does not exist.
    private mutating func spoil(_ call: [RedisArgument]) -> [RedisArgument] {
        guard case .string(let name) = call[1], case .string(let text) = call[2], let keyCount = Int(text) else { return call }
        var call = call
        let values = 3 + keyCount
        let way = random.number(0...9)
        if way == 0 {
            call[1] = .string("colony1_nothing")
        } else if call.count > values, way < 5 || name.hasSuffix("publish") {
            call.removeLast()
        } else if call.count > values {
            call[random.number(values...(call.count - 1))] = "x"
        }
        return call
    }

    private mutating func draw(_ model: FunctionModel) -> [RedisArgument] {
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
        if random.chance(1) { return EntryID.maximumEpoch }
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
            case 1:
                .seen(
                    renewals: random.chance(85) ? renewals : renewals + 1,
                    renewedAt: random.chance(50) ? nil : (Int64(record["renewed_at"] ?? "") ?? 0) + (random.chance(80) ? 0 : 1))
            default: .dead(holder: worker(record))
            }
        let isRepeat = random.chance(10)
        let epoch = Int(record[isRepeat ? "previous_epoch" : "epoch"] ?? "") ?? 0
        return AcquireCall(
            feed: feed, incarnation: isRepeat ? worker(record) : workers[random.number(0...2)], ttlMilliseconds: 6000, mode: mode,
            seenEpoch: epoch, floor: floor(record), floorMilliseconds: moment(record), delayMilliseconds: wait(),
            connectMilliseconds: wait(), paceMilliseconds: pace(), quarantineMilliseconds: random.chance(50) ? 0 : 20_000, server: server(),
            jump: random.number(100...999), reason: "test", goesAtOnce: random.chance(50)
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
