public import RedisClient

/// `trim`: drops what is older than the retention by age or beyond that by count, on up to 200 streams of one feed.
public struct TrimCall: FunctionCall, Hashable {
    public static let function = "trim"
    public static let maximumStreams = 200
    public var feed: FeedKeys
    /// Stream keys, from the feed's registry.
    public var streams: [String]
    /// Entries with an older time go, ms since 1970.
    public var minimumMilliseconds: Int64
    /// Empty streams whose last id is older are unlinked and leave the registry, ms since 1970; 0: none. Streams that were opened in the
    /// epoch that is still live must not be forgotten (they would not enter the registry again before the next epoch).
    public var forgetMilliseconds: Int64
    /// Entries each stream keeps at most, approximately, in the order of `streams`; nil: only age counts.
    public var maximumLengths: [Int]?

    public init(
        feed: FeedKeys, streams: [String], minimumMilliseconds: Int64, forgetMilliseconds: Int64, maximumLengths: [Int]? = nil
    ) {
        self.feed = feed
        self.streams = streams
        self.minimumMilliseconds = minimumMilliseconds
        self.forgetMilliseconds = forgetMilliseconds
        self.maximumLengths = maximumLengths
    }

    public var keys: [String] { [feed.streams] + streams }
    public var values: [RedisArgument] {
        [RedisArgument(minimumMilliseconds), RedisArgument(forgetMilliseconds)] + (maximumLengths ?? []).map { RedisArgument($0) }
    }

    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> TrimReply {
        let fields = try ReplyFields(reply, of: function)
        guard fields.succeeded, fields.count >= 3, fields.count % 2 == 1 else { throw fields.unexpected }
        var late: [TrimReply.LateGroup] = []
        for index in stride(from: 3, to: fields.count, by: 2) {
            late.append(TrimReply.LateGroup(stream: fields.texts[index], group: fields.texts[index + 1]))
        }
        return TrimReply(removedEntries: try fields.number(1), forgottenStreams: try fields.number(2), lateGroups: late)
    }
}

public struct TrimReply: Sendable, Hashable {
    /// A consumer group that had not been given everything that was removed, by this call or before.
    public struct LateGroup: Sendable, Hashable {
        public var stream: String
        public var group: String

        public init(stream: String, group: String) {
            self.stream = stream
            self.group = group
        }
    }

    public var removedEntries: Int
    public var forgottenStreams: Int
    public var lateGroups: [LateGroup]

    public init(removedEntries: Int, forgottenStreams: Int, lateGroups: [LateGroup]) {
        self.removedEntries = removedEntries
        self.forgottenStreams = forgottenStreams
        self.lateGroups = lateGroups
    }
}

/// `beat`: a worker says that it lives, and what it does.
public struct BeatCall: FunctionCall, Hashable {
    public static let function = "beat"
    public var namespace: Keys
    public var incarnation: Incarnation
    /// Fields of the worker's hash to set, in order: host, pid, name, state, weight, load, ...
    public var info: [Field]

    public struct Field: Sendable, Hashable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public init(namespace: Keys, incarnation: Incarnation, info: [Field]) {
        self.namespace = namespace
        self.incarnation = incarnation
        self.info = info
    }

    public var keys: [String] { [namespace.meta, namespace.beats, namespace.worker(incarnation)] }
    public var values: [RedisArgument] {
        [RedisArgument(incarnation)] + info.flatMap { [RedisArgument.string($0.name), .string($0.value)] }
    }

    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> BeatReply {
        let fields = try ReplyFields(reply, of: function)
        guard fields.succeeded else { throw fields.unexpected }
        return BeatReply(
            membersVersion: try fields.number(1), catalogueVersion: try fields.number(2), generation: try fields.text(3),
            now: try fields.milliseconds(4))
    }
}

public struct BeatReply: Sendable, Hashable {
    /// Moves when a member comes, goes, or changes its state or weight.
    public var membersVersion: Int
    public var catalogueVersion: Int
    /// Random id of this data set: another one means that Redis lost everything.
    public var generation: String
    /// TIME of the call, ms.
    public var now: Int64

    public init(membersVersion: Int, catalogueVersion: Int, generation: String, now: Int64) {
        self.membersVersion = membersVersion
        self.catalogueVersion = catalogueVersion
        self.generation = generation
        self.now = now
    }
}

/// `desire`: compare-and-set of what is wanted: a feed's subscriptions, or its entry of the catalogue.
public struct DesireCall: FunctionCall, Hashable {
    public static let function = "desire"

    public enum Target: Sendable, Hashable {
        /// `value` is the JSON of the desired subscriptions; `version` that of the feed's subscriptions.
        case subscriptions(FeedKeys)
        /// `value` is the feed's JSON entry, empty to remove it; `version` that of the whole catalogue.
        case catalogue(Keys, FeedName)
    }

    public var target: Target
    public var value: String
    /// The version the caller saw; 0 when there was none.
    public var version: Int

    public init(target: Target, value: String, version: Int) {
        self.target = target
        self.value = value
        self.version = version
    }

    public var keys: [String] {
        switch target {
        case .subscriptions(let feed): [feed.subscriptions]
        case .catalogue(let keys, _): [keys.catalogue, keys.meta]
        }
    }

    public var values: [RedisArgument] {
        let feed =
            switch target {
            case .subscriptions(let keys): keys.feed
            case .catalogue(_, let feed): feed
            }
        return [.string(feed.text), .string(value), RedisArgument(version)]
    }

    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> DesireReply {
        let fields = try ReplyFields(reply, of: function)
        if fields.succeeded { return .stored(version: try fields.number(1)) }
        guard fields.refusal == "CHANGED" else { throw fields.unexpected }
        return .changed(version: try fields.number(2))
    }
}

public enum DesireReply: Sendable, Hashable {
    /// Stored; the version is now this.
    case stored(version: Int)
    /// Somebody else changed it: read again, this is the version.
    case changed(version: Int)
}

/// A message on a group's `wake` channel. It hints at work; a lost one is made good by polling.
public enum Wake: Sendable, Hashable, CustomStringConvertible {
    /// The feed has no holder any more; `preferred`: the worker that has a head start.
    case freed(FeedName, preferred: String? = nil)
    case subscriptions(FeedName)
    /// Something is asked of, or answered to, somebody: the field of the requests hash.
    case request(String)

    /// nil for a message of another version.
    public init?(_ message: String) {
        let words = message.split(separator: " ", maxSplits: 1)
        guard words.count == 2 else { return nil }
        switch words[0] {
        case "freed":
            let names = words[1].split(separator: " ", maxSplits: 1)
            guard let feed = names.first else { return nil }
            self = .freed(FeedName(String(feed)), preferred: names.count > 1 ? String(names[1]) : nil)
        case "subscriptions": self = .subscriptions(FeedName(String(words[1])))
        case "request": self = .request(String(words[1]))
        default: return nil
        }
    }

    public var description: String {
        switch self {
        case .freed(let feed, let preferred): "freed \(feed)" + (preferred.map { " \($0)" } ?? "")
        case .subscriptions(let feed): "subscriptions \(feed)"
        case .request(let field): "request \(field)"
        }
    }
}
