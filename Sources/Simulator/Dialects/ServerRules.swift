/// What an exchange demands of its clients, and what it gives them to live by. Numbers come from the exchanges' documentation.
package struct ServerRules: Sendable, Equatable {
    /// How every message of the exchange is packed (not the websocket extension).
    package enum Packing: String, Sendable { case none, gzip, rawDeflate }

    /// The heartbeat the exchange sends on its own.
    package struct Heartbeat: Sendable, Equatable {
        /// What a client owes for it.
        package enum Owed: Sendable, Equatable {
            case nothing
            /// A PONG control frame with the same payload, at the latest so long after the PING control frame.
            case pongFrame(within: Duration)
            /// A message; the client is cut when so many heartbeats stay unanswered and the next is due.
            case message(unanswered: Int)
            /// A message, at the latest so long after the heartbeat.
            case messageWithin(Duration)
        }

        package var interval: Duration
        package var owed: Owed
        /// Sent only when nothing else was sent for an interval.
        package var onlyWhenQuiet = false
        /// Sent only once something is subscribed.
        package var afterSubscription = false
        /// Sent only once the client has asked for it (`Answer.heartbeatInterval`).
        package var onlyWhenAsked = false

        package init(
            every interval: Duration, owed: Owed, onlyWhenQuiet: Bool = false, afterSubscription: Bool = false, onlyWhenAsked: Bool = false
        ) {
            self.interval = interval
            self.owed = owed
            self.onlyWhenQuiet = onlyWhenQuiet
            self.afterSubscription = afterSubscription
            self.onlyWhenAsked = onlyWhenAsked
        }
    }

    /// So many in any window of that length.
    package struct Rate: Sendable, Equatable {
        package var count: Int
        package var window: Duration

        package init(_ count: Int, per window: Duration) {
            self.count = count
            self.window = window
        }
    }

    package var packing = Packing.none
    package var heartbeat: Heartbeat?
    /// A client that sends nothing for so long is cut; nil: never.
    package var clientSilence: Duration?
    /// A connection on which neither side says anything for so long is cut; nil: never.
    package var trafficSilence: Duration?
    /// Messages a client may send.
    package var messages: Rate?
    /// PING and PONG frames count as messages.
    package var countsControlFrames = false
    /// Connects of all clients together (they share an address); excess is answered with 429 and Retry-After.
    package var connects: Rate?
    package var maxTopics: Int?
    /// The longest request target in bytes, path and query; longer ones are answered with 414. HTTP servers take 8 KiB for the whole line as a
    /// rule, and clients have measured 8,004 characters at Binance.
    package var maxTargetBytes = 8_000
    /// A connection of this age is cut.
    package var maxAge: Duration?
    /// A connection that has not subscribed so long after opening is cut.
    package var subscribeWithin: Duration?

    package init() {}

    private static func stretch(_ duration: Duration, _ factor: Double) -> Duration {
        .nanoseconds(Int64(duration / .nanoseconds(1) * factor))
    }

    /// The rules with every heartbeat, deadline and silence of this length multiplied.
    func scaled(by factor: Double) -> ServerRules {
        guard factor != 1 else { return self }
        var scaled = self
        if var heartbeat {
            heartbeat.interval = Self.stretch(heartbeat.interval, factor)
            switch heartbeat.owed {
            case .nothing, .message: break
            case .pongFrame(let within): heartbeat.owed = .pongFrame(within: Self.stretch(within, factor))
            case .messageWithin(let within): heartbeat.owed = .messageWithin(Self.stretch(within, factor))
            }
            scaled.heartbeat = heartbeat
        }
        scaled.clientSilence = clientSilence.map { Self.stretch($0, factor) }
        scaled.trafficSilence = trafficSilence.map { Self.stretch($0, factor) }
        scaled.subscribeWithin = subscribeWithin.map { Self.stretch($0, factor) }
        return scaled
    }
}
