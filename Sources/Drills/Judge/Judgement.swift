internal import History

/// Puts the history checker's rules and the drill's own demands together under the contract's promises.
enum Judgement {
    private static let rules: [(promise: DrillPromise.ID, rules: [HistoryRule])] = [
        (.oneProducer, [.s4, .s5, .s11]),
        (.fencedData, [.s1, .s10]),
        (.exactlyOnce, [.s2, .s3, .s8]),
        (.noSilentHole, [.s9]),
        (.onePace, [.s6, .s7]),
        (.placement, [.s12]),
    ]

    /// One entry per promise, in the contract's order; those about which nothing was seen are left out.
    static func promises(_ evidence: Evidence, demands: [DrillPromise]) -> [DrillPromise] {
        let seen = evidence.story.promises + demands
        return DrillPromise.ID.allCases.compactMap { id in
            var parts: [(kept: Bool, text: String)] = []
            for rule in rules.first(where: { $0.promise == id })?.rules ?? [] {
                guard let found = evidence.verdict.promises.first(where: { $0.id == rule.rawValue }), found.checked else { continue }
                parts.append((found.kept, "\(rule.rawValue): \(found.detail)"))
            }
            for promise in seen where promise.id == id.rawValue { parts.append((promise.kept, promise.detail)) }
            guard !parts.isEmpty else { return nil }
            // What is broken comes first.
            let text = (parts.filter { !$0.kept } + parts.filter(\.kept)).map(\.text).joined(separator: "; ")
            return DrillPromise(id, kept: parts.allSatisfy(\.kept), text)
        }
    }
}
