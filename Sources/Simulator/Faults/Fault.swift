/// What an exchange does wrong on command.
package enum Fault: Sendable, Equatable {
    // Standing faults: they hold for open and new sockets until `heal`.
    /// Nothing is said any more: no data, no acknowledgement, no heartbeat. The socket stays alive, PING frames are answered.
    case mute
    /// The socket is neither read nor written any more, and not closed: the peer hears nothing, not even FIN.
    case halfOpen
    /// Requests are acknowledged and heartbeats sent, but no data follow.
    case withoutData
    /// The answer to the upgrade is held back for so long.
    case slowHandshake(Duration)
    /// Upgrades are answered with this HTTP status, and Retry-After where given.
    case refuse(status: Int, retryAfter: Duration?)
    /// Every socket is cut when it is so old.
    case flap(every: Duration)
    /// Ends all standing faults.
    case heal

    // Single faults: they happen once to every open socket.
    case cut(CutKind)
    /// A message that is not what the protocol allows.
    case garbage(GarbageKind)
    /// A text message of so many bytes.
    case oversize(bytes: Int)
    /// The next `count` data messages of every socket are withheld; their numbers are missing.
    case hole(count: Int)
    /// The next `count` data messages of every socket are sent twice.
    case duplicate(count: Int)
    /// `count` data messages of every subscription are sent at once, in the order of the subscriptions.
    case push(count: Int)
    /// The exchange announces its restart, where it does.
    case notice

    /// The longest message of `oversize`: made and encrypted in one go, it must not hold up the other sockets of its thread.
    package static let oversizeLimit = 32 << 20

    package enum CutKind: String, Sendable, CaseIterable {
        /// A close frame (1001), then FIN.
        case close
        /// FIN without a close frame.
        case end
        /// RST.
        case reset
        /// RST in the middle of a frame.
        case midFrame = "mid-frame"
    }

    package enum GarbageKind: String, Sendable, CaseIterable {
        /// A text message that is not JSON.
        case text
        /// A text frame that is not UTF-8.
        case utf8
        /// A frame with reserved bits and a reserved opcode.
        case frame
        /// A text message without a byte in it.
        case empty
    }

    /// Holds until `heal`.
    package var isStanding: Bool {
        switch self {
        case .mute, .halfOpen, .withoutData, .slowHandshake, .refuse, .flap: true
        case .heal, .cut, .garbage, .oversize, .hole, .duplicate, .push, .notice: false
        }
    }
}

/// The standing faults of one exchange.
package struct StandingFaults: Sendable, Equatable {
    package var isMute = false
    package var isHalfOpen = false
    package var isWithoutData = false
    package var handshakeDelay: Duration?
    package var refusal: Refusal?
    package var flapInterval: Duration?

    package struct Refusal: Sendable, Equatable {
        package var status: Int
        package var retryAfter: Duration?
    }

    package init() {}

    /// In the words of the commands; empty when there is none.
    package var list: [String] {
        var list: [String] = []
        if isMute { list.append("mute") }
        if isHalfOpen { list.append("half-open") }
        if isWithoutData { list.append("no-data") }
        if let handshakeDelay { list.append("slow-handshake \(Self.text(handshakeDelay))") }
        if let refusal { list.append("refuse \(refusal.status)" + (refusal.retryAfter.map { " \(Self.text($0))" } ?? "")) }
        if let flapInterval { list.append("flap \(Self.text(flapInterval))") }
        return list
    }

    private static func text(_ duration: Duration) -> String {
        let milliseconds = duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
        return milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
    }

    /// Takes a standing fault or `heal` in; other faults change nothing.
    package mutating func apply(_ fault: Fault) {
        switch fault {
        case .mute: isMute = true
        case .halfOpen: isHalfOpen = true
        case .withoutData: isWithoutData = true
        case .slowHandshake(let delay): handshakeDelay = delay
        case .refuse(let status, let retryAfter): refusal = Refusal(status: status, retryAfter: retryAfter)
        case .flap(let interval): flapInterval = interval
        case .heal: self = StandingFaults()
        case .cut, .garbage, .oversize, .hole, .duplicate, .push, .notice: break
        }
    }
}
