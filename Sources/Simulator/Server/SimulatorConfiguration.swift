package import ColonyExchanges

/// What a simulator serves, and how.
package struct SimulatorConfiguration: Sendable {
    /// The data it makes up.
    package struct Market: Sendable {
        /// The symbols of an exchange, by id, written as in its pushes; exchanges that are not named have their usual ones.
        package var symbols: [String: [String]] = [:]
        /// Every symbol exists.
        package var acceptsAnySymbol = false
        /// Data messages per second and subscribed topic of every socket; 0: only on command (`Fault.push`).
        package var messagesPerSecond = 10.0
        /// Data messages in text are filled up with space to this size.
        package var minimumBytes = 0

        package init() {}
    }

    /// Where commands are taken; see `ControlCommand` for the protocol.
    package enum Control: Sendable, Hashable {
        case none
        case unix(path: String)
        /// On 127.0.0.1; 0: a free one.
        case loopback(port: Int)
    }

    /// Lower-case ids; empty: all there are, or the defined ones where some are.
    package var exchanges: [String] = []
    /// Exchanges that are known by their definition.
    package var defined: [DialectDefinition] = []
    package var host = "127.0.0.1"
    /// 0: a free one.
    package var port = 0
    package var isTLS = true
    /// Every connection begins with a line of the PROXY protocol, version 1, which tells the client's address; one without it is closed.
    package var hasProxyHeaders = false
    /// Further names and addresses for the certificate.
    package var names: [String] = []
    package var certificateDefect = LocalAuthority.Defect.none
    /// Where `ca.pem` goes; nil: a new directory under the system's temporary one, removed by `stop()`.
    package var directory: String?
    package var market = Market()
    /// The same seed gives the same prices.
    package var seed: UInt64 = 1
    /// Heartbeat intervals, deadlines and idle times are multiplied by this.
    package var heartbeatFactor = 1.0
    /// Changes the rules of an exchange (first argument) before the start: limits, age, heartbeat.
    package var adjustRules: (@Sendable (_ exchange: String, _ rules: inout ServerRules) -> Void)?
    /// Faults from the start on; `*` means all exchanges. Standing ones only.
    package var faults: [(exchange: String, fault: Fault)] = []
    /// The truth log's file; nil: memory only.
    package var truthPath: String?
    /// Newest records kept in memory.
    package var truthMemory = 20_000
    package var truthClock = TruthClock.system
    package var control = Control.none
    /// Recordings played instead of made-up data; one per exchange.
    package var replays: [ReplayPlan] = []
    /// Exchanges that are a benchmark's source; one plan per exchange.
    package var sources: [SourcePlan] = []
    /// Event loop threads.
    package var threads = 1

    package init() {}
}
