/// The invariants of the contract's section 16.2 that a recording can show.
package enum HistoryRule: String, CaseIterable, Sendable, Codable {
    case s1 = "S1"
    case s2 = "S2"
    case s3 = "S3"
    case s4 = "S4"
    case s5 = "S5"
    case s6 = "S6"
    case s7 = "S7"
    case s8 = "S8"
    case s9 = "S9"
    case s10 = "S10"
    case s11 = "S11"
    case s12 = "S12"

    package var title: String {
        switch self {
        case .s1: "no packet of an older epoch behind a newer one"
        case .s2: "within an epoch every sequence once, holes only where a gap names them"
        case .s3: "every stored packet was sent, once, in order, with right links"
        case .s4: "at most one websocket open per feed"
        case .s5: "at most one worker believes itself producer"
        case .s6: "admitted disconnects at least one pace apart"
        case .s7: "one admission per reconnect, and none before its time"
        case .s8: "epochs and ids of a feed only grow"
        case .s9: "every received packet is stored or declared lost"
        case .s10: "no effect without a valid token"
        case .s11: "no lease trusted beyond its last confirmed renewal"
        case .s12: "no worker claims beyond its share"
        }
    }
}

/// One breach of a rule.
package struct HistoryViolation: Sendable, Hashable {
    package var rule: HistoryRule
    package var feed: String
    /// When, in boot nanoseconds, as well as it can be told; nil: not at all.
    package var boot: Int64?
    package var text: String

    package init(_ rule: HistoryRule, feed: String = "", boot: Int64? = nil, _ text: String) {
        self.rule = rule
        self.feed = feed
        self.boot = boot
        self.text = text
    }
}
