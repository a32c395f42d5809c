package import ColonyExchanges
internal import NIOPosix
internal import Simulator

/// Runs the dialects against the simulated exchanges and tells which duties they meet.
package enum Conformance {
    /// The styles in which an id can be tried: the original client knew some ids only.
    package static func styles(of id: String) -> [HeartbeatStyle] {
        originalIDs.contains(id) ? HeartbeatStyle.allCases : [.documented]
    }

    /// The exchange ids of the original client.
    package static let originalIDs: Set<String> = [
        "fcoin", "fmex", "gate", "gate_swap", "kraken", "liquid", "kucoin", "bitbank", "bitfinex", "bitfinex_swap", "bybit_swap",
        "bybit_uswap", "ftx_swap", "ftx_futures", "bitmax", "huobi", "huobi_futures", "huobi_swap", "upbit",
    ]

    /// Tries each of `trials`, at most `width` at a time; `completion` hears each report when it is there. The reports come back in the
    /// order of `trials`.
    ///
    /// What fails is tried once more with a slower clock and less beside it: a busy machine is late now and then, a bad dialect always.
    /// Throws when a simulator cannot be started, and `DialectError` for an unknown id.
    package static func run(
        _ trials: [(id: String, style: HeartbeatStyle)], settings: ConformanceSettings, width: Int = 12,
        completion: @escaping @Sendable (ConformanceReport) -> Void = { _ in }
    ) async throws -> [ConformanceReport] {
        var reports = try await pass(trials, settings, width) { if $0.failures.isEmpty { completion($0) } }
        let failed = reports.indices.filter { !reports[$0].failures.isEmpty }
        let slower = try await pass(failed.map { trials[$0] }, settings.slowed(by: 3), max(1, width / 4), completion)
        for (index, report) in zip(failed, slower) { reports[index] = report }
        return reports
    }

    private static func pass(
        _ trials: [(id: String, style: HeartbeatStyle)], _ settings: ConformanceSettings, _ width: Int,
        _ completion: @escaping @Sendable (ConformanceReport) -> Void
    ) async throws -> [ConformanceReport] {
        try await withThrowingTaskGroup(of: (Int, ConformanceReport).self) { tasks in
            var reports: [ConformanceReport?] = Array(repeating: nil, count: trials.count)
            var next = 0
            func add() {
                guard next < trials.count else { return }
                let (index, trial) = (next, trials[next])
                tasks.addTask { (index, try await report(trial.id, trial.style, settings)) }
                next += 1
            }
            for _ in 0..<width { add() }
            while let (index, report) = try await tasks.next() {
                reports[index] = report
                completion(report)
                add()
            }
            return reports.compactMap(\.self)
        }
    }

    /// All of an exchange's addresses, one after the other.
    private static func report(_ id: String, _ style: HeartbeatStyle, _ settings: ConformanceSettings) async throws -> ConformanceReport {
        var report = ConformanceReport(id: id, style: style, outcomes: [:])
        for branch in [nil] + (try Exchanges.dialect(id)).branches.map({ Optional($0.name) }) {
            let trial = ExchangeTrial(
                id: id, style: style, branch: branch, settings: settings, eventLoop: MultiThreadedEventLoopGroup.singleton.next())
            for (duty, outcome) in try await trial.run() {
                report.outcomes[duty] = report.outcomes[duty]?.united(with: outcome) ?? outcome
            }
        }
        return report
    }
}
