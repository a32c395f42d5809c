public import Coordination

/// When a client without a lease connects, and what it tells: no delay before the first attempt, no pace, only a back-off.
///
/// Pure: time and randomness come in, actions go out.
public struct DirectMachine: Sendable {
    public enum Event: Sendable, Equatable {
        case start
        case dialed
        case dialFailed(reason: String, retryAfter: Duration?)
        /// A packet came in.
        case dataReceived
        /// The websocket ended.
        case ended(reason: String)
        /// The websocket is usable but better given up: bad message, planned reconnect.
        case softError(reason: String)
        /// A time that `wakeAt` named has come.
        case timer
        case stop
    }

    public enum Action: Sendable, Equatable {
        case dial
        case cancelDial
        case closeSocket(reason: String)
        case report(Report)
    }

    /// What a strategy hears, in the words of a feed's events.
    public enum Report: Sendable, Equatable {
        /// The first websocket of this client.
        case connected
        case reconnected
        case disconnected(reason: String, wait: Duration)
        case attemptFailed(reason: String, wait: Duration)
    }

    private enum State: Sendable {
        /// Next: dialing.
        case idle
        /// Next: dialing, stopped.
        case waiting(until: LocalTime)
        /// Next: open, waiting, stopped.
        case dialing
        /// Next: waiting, stopped.
        case open(firstData: LocalTime?, lastData: LocalTime?)
        case stopped
    }

    private let backoff: DirectBackoff
    private var state = State.idle
    /// In a row.
    private var failures = 0
    private var hasBeenOpen = false

    public init(backoff: DirectBackoff = DirectBackoff()) { self.backoff = backoff }

    /// When `timer` is due; nil: it is not.
    public var wakeAt: LocalTime? { if case .waiting(let until) = state { until } else { nil } }

    public mutating func handle(_ event: Event, now: LocalTime, random: inout some RandomNumberGenerator) -> [Action] {
        switch (state, event) {
        case (.idle, .start):
            state = .dialing
            return [.dial]
        case (.dialing, .dialed):
            state = .open(firstData: nil, lastData: nil)
            defer { hasBeenOpen = true }
            return [.report(hasBeenOpen ? .reconnected : .connected)]
        case (.dialing, .dialFailed(let reason, let retryAfter)):
            let wait = max(fail(now: now, &random), retryAfter ?? .zero)
            return rest(wait, now) + [.report(.attemptFailed(reason: reason, wait: wait))]
        case (.open(let firstData, _), .dataReceived):
            state = .open(firstData: firstData ?? now, lastData: now)
            return []
        case (.open, .ended(let reason)): return lose(reason, now, &random)
        case (.open, .softError(let reason)): return [.closeSocket(reason: reason)] + lose(reason, now, &random)
        case (.waiting(let until), .timer) where until <= now:
            state = .dialing
            return [.dial]
        case (.dialing, .stop):
            state = .stopped
            return [.cancelDial]
        case (.open, .stop):
            state = .stopped
            return [.closeSocket(reason: "stopped")]
        case (.idle, .stop), (.waiting, .stop):
            state = .stopped
            return []
        // Late news of a connection that was given up, and timers that have lost their meaning.
        case (.idle, _), (.waiting, _), (.dialing, _), (.open, _), (.stopped, _): return []
        }
    }

    private mutating func lose(_ reason: String, _ now: LocalTime, _ random: inout some RandomNumberGenerator) -> [Action] {
        if case .open(let first?, let last?) = state, last - first >= backoff.resetAfter { failures = 0 }
        let wait = fail(now: now, &random)
        return [.report(.disconnected(reason: reason, wait: wait))] + rest(wait, now)
    }

    private mutating func fail(now: LocalTime, _ random: inout some RandomNumberGenerator) -> Duration {
        failures += 1
        return backoff.wait(failures: failures, fraction: Double.random(in: 0..<1, using: &random))
    }

    private mutating func rest(_ wait: Duration, _ now: LocalTime) -> [Action] {
        guard wait > .zero else {
            state = .dialing
            return [.dial]
        }
        state = .waiting(until: now + wait)
        return []
    }
}
