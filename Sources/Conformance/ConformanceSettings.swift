internal import ColonyExchanges
internal import Simulator

/// How fast and how carefully a conformance run goes.
package struct ConformanceSettings: Sendable {
    /// Real time of one heartbeat period: the simulated exchange's times are shortened so that it lasts so long.
    package var period: Duration = .seconds(1)
    /// No deadline of the exchange becomes shorter than this, so that a busy machine is not taken for a bad client.
    package var leastDeadline: Duration = .milliseconds(1500)
    /// Age at which the simulated exchange cuts, where the real one does.
    package var age: Duration = .seconds(6)
    /// Anything awaited that does not come within this time counts as not coming.
    package var patience: Duration = .seconds(30)
    /// Data messages of each subscription, per second.
    package var rate = 10.0
    package var isTLS = true
    package var seed: UInt64 = 1

    package init() {}

    func slowed(by factor: Double) -> ConformanceSettings {
        var settings = self
        settings.period = period * factor
        settings.leastDeadline = leastDeadline * factor
        settings.age = age * factor
        settings.patience = patience * factor
        return settings
    }
}

/// The times of one exchange, shortened.
struct ConformanceTimes: Sendable {
    /// What the exchange's times are multiplied by.
    var factor: Double
    /// One heartbeat period.
    var period: Duration
    /// What the client owes, where it owes something; shortened.
    var deadline: Duration?
    /// The longest of the exchange's deadlines is over after this.
    var hold: Duration

    /// `rules` are the exchange's own, `profile` is the client's.
    init(_ rules: ServerRules, _ profile: ExchangeProfile, settings: ConformanceSettings) {
        let deadline = Self.deadline(rules)
        let period = [rules.heartbeat?.interval, profile.heartbeat.interval].compactMap(\.self).max() ?? settings.period
        let shortest = [deadline, rules.subscribeWithin].compactMap(\.self).min()
        var factor = min(1, settings.period / period)
        if let shortest { factor = max(factor, min(1, settings.leastDeadline / shortest)) }
        // The client's heartbeat comes that long before the exchange would cut.
        if let silence = [rules.clientSilence, rules.trafficSilence].compactMap(\.self).min(), let own = profile.heartbeat.interval {
            factor = max(factor, min(1, settings.leastDeadline / 2 / (silence - own)))
        }
        if let reply = profile.heartbeat.replyWithin { factor = max(factor, min(1, settings.leastDeadline / 2 / reply)) }
        // Limits of messages are not shortened: heartbeats may take a third of them, and leave the rest to requests.
        let own = profile.heartbeat.interval.map { .seconds(1) / $0 } ?? 0
        let owed = rules.heartbeat.flatMap { $0.owed == .nothing ? nil : .seconds(1) / $0.interval } ?? 0
        let allowed = Double(profile.limits.messages) / (profile.limits.messageWindow / .seconds(1))
        factor = max(factor, min(1, 3 * (own + owed) / allowed))
        self.factor = factor
        self.period = period * factor
        self.deadline = deadline.map { $0 * factor }
        // A little longer than the last moment at which a client in default would have been cut.
        hold = max(self.period * 3, (self.deadline ?? .zero) * 1.25 + self.period)
    }

    /// How long the exchange waits before it cuts a client that sends nothing; nil: for ever.
    static func deadline(_ rules: ServerRules) -> Duration? {
        var deadlines = [rules.clientSilence, rules.trafficSilence].compactMap(\.self)
        if let heartbeat = rules.heartbeat {
            switch heartbeat.owed {
            case .nothing: break
            case .pongFrame(let within), .messageWithin(let within): deadlines.append(heartbeat.interval + within)
            case .message(let unanswered): deadlines.append(heartbeat.interval * Double(unanswered + 1))
            }
        }
        return deadlines.min()
    }
}
