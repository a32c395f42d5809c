/// Decides when a websocket that still looks open is dead. A value: it is told what happened and when, and asked what to do.
///
/// All times are nanoseconds of one monotonic clock. The shell calls `check` when it opened the connection and whenever the time it was last told has come.
public struct ConnectionWatch: Sendable, Equatable {
    /// Limits in nanoseconds; nil switches a rule off.
    public struct Limits: Sendable, Equatable {
        /// Send a PING so long after the last one.
        public var pingInterval: Int64?
        /// A PONG must come so long after a PING.
        public var pongTimeout: Int64?
        /// Some frame, control frames included, must come at least so often.
        public var frameTimeout: Int64?
        /// Some data must come at least so often: heartbeats and acknowledgements are not data.
        public var dataTimeout: Int64?

        public init(pingInterval: Int64? = nil, pongTimeout: Int64? = nil, frameTimeout: Int64? = nil, dataTimeout: Int64? = nil) {
            self.pingInterval = pingInterval
            self.pongTimeout = pongTimeout
            self.frameTimeout = frameTimeout
            self.dataTimeout = dataTimeout
        }
    }

    public enum DeadReason: String, Sendable, Equatable, CustomStringConvertible {
        case pongMissing = "pong missing"
        case noFrame = "no frame"
        case noData = "no data"

        public var description: String { rawValue }
    }

    public enum Verdict: Sendable, Equatable {
        /// Send a PING now, then check again. The watch takes it for sent.
        case sendPing
        case dead(DeadReason)
        /// Nothing to do before this time; nil: nothing is being watched.
        case wait(until: Int64?)
    }

    private let limits: Limits
    private var lastFrame: Int64
    private var lastData: Int64
    private var lastPing: Int64
    private var pongDue: Int64?
    /// Reading is withheld by us: the peer's silence says nothing.
    private var isPaused = false

    public init(_ limits: Limits, openedAt now: Int64) {
        self.limits = limits
        lastFrame = now
        lastData = now
        lastPing = now
    }

    /// A frame of any kind came.
    public mutating func frameReceived(now: Int64) { lastFrame = now }

    /// Data came, in a frame of its own account.
    public mutating func dataReceived(now: Int64) {
        lastFrame = now
        lastData = now
    }

    /// A PONG came, whatever its payload: it is later than the PING it is owed for, since PONGs come in order.
    public mutating func pongReceived(now: Int64) {
        lastFrame = now
        pongDue = nil
    }

    /// We stopped reading: until `readingResumed` nothing counts as silence.
    public mutating func readingPaused() { isPaused = true }

    /// We read again; all clocks of silence start afresh.
    public mutating func readingResumed(now: Int64) {
        isPaused = false
        lastFrame = now
        lastData = now
        if pongDue != nil { pongDue = limits.pongTimeout.map { now + $0 } }
    }

    public mutating func check(now: Int64) -> Verdict {
        let nextPing = pongDue == nil ? limits.pingInterval.map { lastPing + $0 } : nil
        if !isPaused {
            if let due = pongDue, now >= due { return .dead(.pongMissing) }
            if let timeout = limits.frameTimeout, now >= lastFrame + timeout { return .dead(.noFrame) }
            if let timeout = limits.dataTimeout, now >= lastData + timeout { return .dead(.noData) }
        }
        if let nextPing, now >= nextPing {
            lastPing = now
            pongDue = limits.pongTimeout.map { now + $0 }
            return .sendPing
        }
        let silences = isPaused ? [] : [pongDue, limits.frameTimeout.map { lastFrame + $0 }, limits.dataTimeout.map { lastData + $0 }]
        return .wait(until: ([nextPing] + silences).compactMap { $0 }.min())
    }
}
