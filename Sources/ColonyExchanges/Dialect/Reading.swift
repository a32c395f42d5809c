/// What one message of an exchange means to its reader.
public enum Reading: Sendable, Equatable {
    /// Market data. The route names the stream without allocating; `DialectReader.topic(of:in:)` spells it out once per stream.
    case packet(Route)
    /// Market data whose stream the dialect cannot name; it is kept on the control stream.
    case unrouted
    /// An answer that is owed at once, before anything else is done.
    case reply(OutgoingMessage)
    /// The exchange's answer to a request of ours.
    case ack(Acknowledgement)
    /// A sign of life: heartbeats of the exchange, answers to our pings, greetings. Never counts as data.
    case heartbeat
    /// Something the exchange says about itself.
    case notice(Notice)
    /// Not what the protocol allows; the reason is for people.
    case malformed(String)
}

/// The bytes of a message that name its stream: one or two ranges and a tag of the reader's own.
///
/// Two messages of one connection belong to the same stream exactly when tag and bytes are equal. Offsets count from the first
/// byte of the (decompressed) message.
public struct Route: Sendable, Equatable {
    public var first: Range<Int>
    public var second: Range<Int>
    public var tag: UInt8

    public init(first: Range<Int>, second: Range<Int> = 0..<0, tag: UInt8 = 0) {
        self.first = first
        self.second = second
        self.tag = tag
    }
}

/// A message to the exchange.
public enum OutgoingMessage: Sendable, Hashable {
    case text(String)
    case binary([UInt8])
    /// A PING control frame.
    case ping([UInt8])
    /// A PONG control frame.
    case pong([UInt8])
}

/// How the exchange answered a request.
public struct Acknowledgement: Sendable, Equatable {
    public enum Outcome: Sendable, Equatable {
        case accepted
        /// Refused, with the exchange's own words.
        case rejected(String)
    }

    public var outcome: Outcome
    /// The request's id as the exchange repeats it, where it does.
    public var requestID: String?
    /// The topics the answer names; empty where it names none (then the request's own topics are meant).
    public var topics: [Topic]
    /// True for the answer to an unsubscription, false or nil otherwise or where the answer does not tell.
    public var isUnsubscription: Bool

    public init(_ outcome: Outcome, requestID: String? = nil, topics: [Topic] = [], isUnsubscription: Bool = false) {
        self.outcome = outcome
        self.requestID = requestID
        self.topics = topics
        self.isUnsubscription = isUnsubscription
    }
}

/// What an exchange says about itself.
public struct Notice: Sendable, Equatable {
    public enum Kind: String, Sendable {
        /// For people only.
        case information
        /// Maintenance began or is near: keep reading, expect silence.
        case maintenance
        /// This connection is about to be cut: reconnect on our own terms.
        case reconnect
        /// A limit was broken (message rate, number of topics).
        case limit
        /// An error that answers no request.
        case error
    }

    public var kind: Kind
    public var text: String

    public init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
}
