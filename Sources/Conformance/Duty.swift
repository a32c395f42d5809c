package import ColonyExchanges

/// What a client owes an exchange, or its own user, on one connection.
package enum Duty: String, Sendable, CaseIterable, Codable {
    /// The websocket opens: bootstrap call, address, upgrade.
    case connect
    /// Every subscription is acknowledged, or proved by its first data, under the names it was asked by.
    case subscribe
    /// Data of every subscription come for three heartbeat periods, each packet with its channel and symbol.
    case data
    /// What the exchange wants to hear comes in time: it would have cut the connection.
    case heartbeat
    /// A client that withholds it is cut: the exchange does look.
    case silence
    /// A symbol that does not exist is reported with the exchange's words, or at least never as receiving.
    case rejection
    /// After a lost connection everything is subscribed again and comes again.
    case resubscription
    /// A connection is renewed before the exchange cuts it for its age.
    case age
}

/// How a duty was met.
package enum DutyOutcome: Sendable, Equatable {
    case met(String)
    case notMet(String)
    /// Nothing of the kind is owed at this exchange.
    case notApplicable(String)

    package var isFailure: Bool { if case .notMet = self { true } else { false } }

    /// `met`, `not met`, `n/a`
    package var word: String {
        switch self {
        case .met: "met"
        case .notMet: "not met"
        case .notApplicable: "n/a"
        }
    }

    package var detail: String {
        switch self {
        case .met(let detail), .notMet(let detail), .notApplicable(let detail): detail
        }
    }

    /// Of two connections of one exchange the worse outcome counts.
    func united(with other: DutyOutcome) -> DutyOutcome {
        switch (self, other) {
        case (.notMet, _): self
        case (_, .notMet): other
        case (.met, .met(let detail)): .met(self.detail == detail ? detail : "\(self.detail); \(detail)")
        case (.met, _): self
        case (.notApplicable, _): other
        }
    }
}

/// How one exchange id did with one style of heartbeats.
package struct ConformanceReport: Sendable {
    package var id: String
    package var style: HeartbeatStyle
    package var outcomes: [Duty: DutyOutcome]

    /// The duties that were not met, in their order.
    package var failures: [(duty: Duty, detail: String)] {
        Duty.allCases.compactMap { duty in
            guard let outcome = outcomes[duty], outcome.isFailure else { return nil }
            return (duty, outcome.detail)
        }
    }
}
