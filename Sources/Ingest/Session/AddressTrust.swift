package import Coordination

/// Whether topics may be named in an exchange's address. One that refuses the request, or something before it that does (an address too long, a
/// name it does not like), is tried without them: they go by message then, and the feed is not lost for a round trip.
package struct AddressTrust: Sendable, Equatable {
    private enum State: Sendable, Equatable {
        /// Next: doubted.
        case trusted
        /// A request with topics was refused; the next one names none. Next: untrusted (that one opened), trusted (the topics were not the reason).
        case doubted
        /// Names none until then. Next: trusted.
        case untrusted(until: LocalTime)
    }

    private var state = State.trusted
    /// The verdict may have been wrong: whatever refused may have let the next one in anyway.
    private static let patience = Duration.seconds(86_400)

    package init() {}

    /// Whether the address of a dial at this time may name topics.
    package func allowsTopics(now: LocalTime) -> Bool {
        switch state {
        case .trusted: true
        case .doubted: false
        case .untrusted(let until): until <= now
        }
    }

    /// The upgrade was refused with an HTTP status. `named`: the address named topics.
    ///
    /// Only what may be meant for the address counts: no server's own trouble (5xx), and no limit of connects (418, 429).
    package mutating func refused(status: Int, named: Bool) {
        guard (400..<500).contains(status), status != 418, status != 429 else { return }
        switch state {
        case .trusted, .untrusted: if named { state = .doubted }
        case .doubted: if !named { state = .trusted }
        }
    }

    /// The websocket opened.
    /// - Returns: true when that settles that topics in the address were the reason for a refusal.
    package mutating func opened(named: Bool, now: LocalTime) -> Bool {
        if named {
            state = .trusted
            return false
        }
        guard state == .doubted else { return false }
        state = .untrusted(until: now + Self.patience)
        return true
    }
}
