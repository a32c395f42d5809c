package import ColonyExchanges
package import Coordination

/// Decides when to send a heartbeat and when a connection is dead, of one connection. Heartbeats and acknowledgements never count as data.
package struct KeepAlive: Sendable {
    package enum Verdict: Sendable, Equatable {
        case alive
        /// Send the heartbeat now.
        case ping
        /// The connection is dead; which of its signs of life is missing.
        case dead(String)
        /// Reconnect on our own terms, before the exchange cuts the connection.
        case reconnect(String)
    }

    /// What has come in on a connection so far.
    package enum Heard: Sendable, Equatable {
        case nothing
        /// PING and PONG frames, and no message.
        case controlFrames
        /// Messages, which were answers and heartbeats as long as there were no data.
        case messages
    }

    private let interval: Duration?
    private let replyWithin: Duration?
    private let silence: Duration
    private let firstDataWithin: Duration
    private let openedAt: LocalTime
    private var nextPing: LocalTime?
    /// When the unanswered ping was sent.
    private var pingSentAt: LocalTime?
    private var reconnectAt: LocalTime?

    /// `pingInterval` is what the exchange asked for at bootstrap; `random` spreads planned reconnects over the last fifth of the allowed age.
    package init(
        heartbeat: ExchangeProfile.Heartbeat, style: HeartbeatStyle, pingInterval: Duration?, firstDataWithin: Duration, maxAge: Duration?,
        openedAt: LocalTime, random: UInt64
    ) {
        // The original client sent its heartbeat once a minute, also where today's exchange wants none.
        let interval = pingInterval ?? heartbeat.interval ?? (style == .legacy2020 ? .seconds(60) : nil)
        self.interval = interval
        self.replyWithin = style == .documented ? heartbeat.replyWithin : nil
        self.silence = heartbeat.silence
        self.firstDataWithin = firstDataWithin
        self.openedAt = openedAt
        self.nextPing = interval.map { openedAt + $0 }
        if let maxAge {
            let spread = Double(random >> 11) / Double(1 << 53)
            reconnectAt = openedAt + maxAge * (0.75 + 0.2 * spread)
        }
    }

    /// The answer to our ping came in. Where the answer is a message of the exchange's own, any frame behind the ping counts.
    package mutating func pongReceived() { pingSentAt = nil }

    /// Why a connection is given up on which only heartbeats and answers still come.
    package static func silence(streams: Int, _ silence: Duration) -> String {
        "no data for \(silence.wholeMilliseconds / 1000) s on any of \(streams.of("stream")) that used to speak, only heartbeats and answers"
    }

    /// `expectsData`: something is subscribed; `acknowledged`: so many subscriptions were confirmed by the exchange's word; `heard`: what has come in
    /// since the connection was opened.
    package mutating func check(
        now: LocalTime, lastFrame: LocalTime, lastData: LocalTime?, expectsData: Bool, acknowledged: Int, heard: Heard
    ) -> Verdict {
        if now - lastFrame > silence { return .dead("no frame for \(seconds(now - lastFrame)) s") }
        if let sent = pingSentAt, lastFrame > sent { pingSentAt = nil }
        if let sent = pingSentAt, let replyWithin, now - sent > replyWithin {
            return .dead("heartbeat not answered for \(seconds(now - sent)) s")
        }
        if expectsData, lastData == nil, now - openedAt > firstDataWithin {
            return .dead("no data within \(seconds(firstDataWithin)) s of connecting, \(Self.describe(heard, acknowledged: acknowledged))")
        }
        if let at = reconnectAt, now >= at {
            // Refused within the pace: asked for again a little later.
            reconnectAt = now + .seconds(5)
            return .reconnect("planned: the exchange limits the age of connections")
        }
        if let at = nextPing, let interval, now >= at {
            nextPing = max(at + interval, now)
            if pingSentAt == nil { pingSentAt = now }
            return .ping
        }
        return .alive
    }

    /// What came instead of data.
    private static func describe(_ heard: Heard, acknowledged: Int) -> String {
        if acknowledged > 0 { return "though \(acknowledged.of("subscription")) \(acknowledged == 1 ? "was" : "were") acknowledged" }
        return switch heard {
        case .nothing: "and nothing else either"
        case .controlFrames: "only PING or PONG frames, and no message"
        case .messages: "only heartbeats or answers, and no acknowledgement"
        }
    }

    private func seconds(_ duration: Duration) -> Int64 { duration.wholeMilliseconds / 1000 }
}
