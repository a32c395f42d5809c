package import Coordination
import Simulator

/// A drill in numbers: the kind's own, overridden by the options.
package struct DrillPlan: Sendable {
    /// How workers reach Redis.
    package enum RedisPath: Sendable {
        /// Its unix socket: nothing stands in between, so a refused connection proves that the server is gone.
        case direct
        /// Over the hosts' network, which can be cut.
        case network
        /// The master of a replicated group, by its Sentinels; all on loopback.
        case sentinels
    }

    package let kind: DrillKind
    package let options: DrillOptions
    package var runs: Int
    /// Worker processes of each host at the start; further hosts are added by the drill.
    package var hosts: [Int]
    package var exchanges: [String]
    /// Messages per second of each subscribed stream.
    package var rate: Double
    package var minutes: Double
    package var pace: Duration
    package var connectDelay: ClosedRange<Duration>
    /// Round-trip time between workers and exchanges; zero: what the machine itself takes.
    package var latency: Duration
    package var redisPath: RedisPath
    package var timing = LeaseTiming()
    /// Settings of all workers.
    package var settings: [String: String]
    /// Of the simulator's exchanges, multiplied.
    package var heartbeatFactor = 1.0
    /// What is reported about the setting, because it differs from the default of a real cluster.
    package var remarks: [String] = []

    package init(_ options: DrillOptions) throws(DrillError) {
        let kind = options.kind
        self.kind = kind
        self.options = options
        let defaults = Defaults(kind)
        runs = options.runs ?? defaults.runs
        minutes = options.minutes ?? defaults.minutes
        rate = options.rate ?? defaults.rate
        pace = options.pace ?? defaults.pace
        connectDelay = defaults.connectDelay
        latency = options.latency ?? .zero
        redisPath = defaults.redisPath
        let workers = options.workers ?? defaults.workers
        guard (1...64).contains(workers) else { throw DrillError(.usage, "--workers is 1 to 64, not \(workers)") }
        guard runs >= 1 else { throw DrillError(.usage, "--runs is at least 1, not \(runs)") }
        guard minutes > 0 else { throw DrillError(.usage, "--minutes is above 0, not \(minutes)") }
        guard rate > 0, rate <= 10_000 else { throw DrillError(.usage, "--rate is above 0 and at most 10000, not \(rate)") }
        guard latency >= .zero, latency <= .seconds(2) else {
            throw DrillError(.usage, "--latency is 0s to 2s, not \(Self.text(latency))")
        }
        hosts = Self.hosts(kind, workers: workers)
        if [.kill, .killTwo, .freeze, .cutRedis, .partition, .move, .deploy, .term].contains(kind), workers < 2 {
            throw DrillError(.usage, "the drill '\(kind.rawValue)' needs at least 2 workers: somebody has to take over")
        }
        if kind == .killTwo, workers < 3 { throw DrillError(.usage, "the drill 'kill-two' needs at least 3 workers: one has to be left") }
        let known = ServerDialects.all.map(\.exchange)
        if !options.exchanges.isEmpty {
            for id in options.exchanges where !known.contains(id) {
                throw DrillError(.usage, "the simulator does not know the exchange '\(id)'; `colony exchange list` shows them")
            }
            exchanges = options.exchanges
        } else {
            let count = options.exchangeCount ?? defaults.exchanges
            guard (1...known.count).contains(count) else {
                throw DrillError(.usage, "--exchanges is 1 to \(known.count), or ids separated by commas; not \(count)")
            }
            exchanges = Array(Self.preferred(known).prefix(count))
        }
        settings = [:]
        for setting in options.settings {
            guard let equals = setting.firstIndex(of: "="), equals != setting.startIndex else {
                throw DrillError(.usage, "--set '\(setting)' is not key=value")
            }
            settings[String(setting[..<equals])] = String(setting[setting.index(after: equals)...])
        }
        // Only a host that thaws again tries to write beyond its lease.
        if options.sabotage == .deadman || options.sabotage == .fencing || !options.hasDeadman { settings["deadman"] = "off" }
        if options.sabotage == .fencing, kind != .freeze { throw DrillError(.usage, "fencing off is shown by the drill 'freeze'") }
        if options.sabotage == .deadman, kind != .freeze { throw DrillError(.usage, "dead-man off is shown by the drill 'freeze'") }
        if options.sabotage == .pace, ![.flap, .storm].contains(kind) {
            throw DrillError(.usage, "pace off is shown by the drills 'flap' and 'storm'")
        }
        apply(defaults)
        if let name = settings["lease.profile"], let profile = LeaseTiming.Profile(rawValue: name) { timing = profile.timing }
        if kind == .failoverRedis, options.network == .namespaces {
            throw DrillError(.usage, "the drill 'failover-redis' runs on loopback; it cuts no host off")
        }
    }

    /// `down-after-milliseconds` with which inequality I4 holds for the lease times, at `min-replicas-max-lag` 2.
    package var downAfter: Duration {
        max(.seconds(2), .seconds(2) + .seconds(1) + timing.selfFence + timing.closeSlack - timing.ttl + .milliseconds(500))
    }

    /// The pace that workers are given; the drill always judges by `pace`.
    package var configuredPace: Duration { options.sabotage == .pace ? .zero : pace }

    private mutating func apply(_ defaults: Defaults) {
        let given = settings
        for (key, value) in defaults.settings { settings[key] = value }
        for (key, value) in given { settings[key] = value }
        if pace != .seconds(60) {
            remarks.append("pace \(Self.text(pace)) instead of 60 s, so that the runs fit into minutes; admissions are judged by it")
        }
        if defaults.settings["placement.round"] != nil {
            remarks.append("placement rounds 5 s apart and a residence of 40 s, instead of 60 s doubling to 240 s and 10 min")
        }
        if defaults.settings["exchange.quarantine"] != nil { remarks.append("quarantine of crash loops off: the crashes are ours") }
        if kind == .failoverRedis, given["lease.profile"] == nil {
            remarks.append("lease.profile calm, which holds leases for longer than a failover takes")
        }
        if connectDelay != .seconds(1)...(.seconds(5)) {
            remarks.append(
                "connect_delay \(Self.text(connectDelay.lowerBound))...\(Self.text(connectDelay.upperBound)) instead of 1s...5s")
        }
    }

    /// Workers over hosts: most drills have two hosts, those about networks one worker on each.
    private static func hosts(_ kind: DrillKind, workers: Int) -> [Int] {
        switch kind {
        case .scale: return [1]
        case .partition, .cutRedis, .cutExchange: return Array(repeating: 1, count: workers)
        default:
            if workers == 1 { return [1] }
            return [(workers + 1) / 2, workers / 2]
        }
    }

    /// The exchanges people know first.
    private static func preferred(_ known: [String]) -> [String] {
        let first = ["binance", "huobi", "kraken", "okx", "bitmex", "bybit_uswap", "gate", "bitfinex", "deribit", "upbit"].filter(
            known.contains)
        return first + known.filter { !first.contains($0) }
    }

    static func text(_ duration: Duration) -> String {
        let milliseconds = duration.wholeMilliseconds
        return milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
    }

    /// A kind's own numbers.
    private struct Defaults {
        var runs = 10
        var workers = 3
        var exchanges = 3
        var rate = 20.0
        var minutes = 1.0
        var pace: Duration = .zero
        var connectDelay: ClosedRange<Duration> = .milliseconds(200)...(.milliseconds(800))
        var redisPath = RedisPath.direct
        // A crash loop here is the drill's own; and every record of the run must still be there at its end.
        var settings = [
            "exchange.quarantine": "0s", "exchange.retention.maxlen": "10000000", "exchange.retention.control": "10000000",
            "placement.settle": "700ms",
        ]

        init(_ kind: DrillKind) {
            switch kind {
            case .kill:
                (workers, exchanges) = (4, 4)
            case .killTwo:
                (workers, exchanges) = (4, 12)
                // The real one: it is what the second death falls into.
                settings["placement.settle"] = "3s"
            case .freeze: break
            case .cutRedis: redisPath = .network
            case .cutExchange:
                (runs, redisPath) = (3, .network)
            case .restartRedis: runs = 5
            case .wipeRedis: runs = 6
            case .failoverRedis:
                (runs, redisPath) = (4, .sentinels)
                settings["lease.profile"] = "calm"
            case .storm:
                (runs, pace) = (5, .seconds(10))
            case .flap:
                (runs, minutes, pace) = (1, 3, .seconds(60))
            case .term:
                (runs, exchanges, rate) = (5, 40, 5)
            case .move: (runs, exchanges) = (20, 6)
            case .deploy:
                (runs, exchanges, rate) = (1, 12, 50)
            case .scale:
                (runs, workers, exchanges, rate) = (1, 4, 40, 2)
                settings["placement.round"] = "5s"
                settings["placement.round_cap"] = "5s"
                settings["placement.min_residence"] = "40s"
            case .partition:
                (runs, exchanges, rate, redisPath) = (1, 40, 2, .network)
            case .soak:
                (runs, minutes, redisPath) = (1, 5, .network)
            }
        }
    }
}
