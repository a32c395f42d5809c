/// A rule of the coordination contract that is switched off, to see that the simulation misses it.
package enum Mutation: String, CaseIterable, Sendable {
    /// r1: the deadline counts from the reply of a renewal, not from its send.
    case deadlineFromReply = "r1"
    /// r2: an observation counts from the send of the poll, not from the receipt of its answer.
    case observationFromSend = "r2"
    /// r3: a takeover by observation does not compare the renewals.
    case renewalsIgnored = "r3"
    /// r4: a grant counts from its arrival, however late.
    case lateGrantUsed = "r4"
    /// r5: leases are judged on a clock that people set.
    case wallClock = "r5"
    /// r6: what was observed over one connection counts on the next.
    case observationSurvives = "r6"
    /// r7: a stopped process lives on.
    case noDeadman = "r7"
    /// r8: H + K = T.
    case noMargin = "r8"
    case noCursorCheck = "cursor"
    case noTokenCheck = "token"
    /// Disconnects are admitted whenever they are asked for.
    case noPace = "pace"
    /// Packets name the entry before them wrongly after a new epoch.
    case wrongPrevious = "prev"
    /// The first entry of a stream in an epoch does not say what it follows.
    case noAfter = "after"
    /// A new server hands out the epochs again that the old one may have lost.
    case noJump = "jump"
    /// A repeated `acquire`, `begin` or `resume` is not recognised as one.
    case notRepeatable = "repeat"

    package var explanation: String {
        switch self {
        case .deadlineFromReply: "deadline counted from the reply of a renewal"
        case .observationFromSend: "observation counted from the send of the poll"
        case .renewalsIgnored: "takeover without comparing the renewals"
        case .lateGrantUsed: "late grant used"
        case .wallClock: "leases judged on a wall clock"
        case .observationSurvives: "observation kept over a reconnect"
        case .noDeadman: "no dead-man timer"
        case .noMargin: "H + K = T"
        case .noCursorCheck: "no cursor check in publish"
        case .noTokenCheck: "no token check in publish"
        case .noPace: "no pace between disconnects"
        case .wrongPrevious: "prev not reset with the epoch"
        case .noAfter: "no after field"
        case .noJump: "no epoch jump after a server change"
        case .notRepeatable: "no repeat through previous_epoch"
        }
    }

    /// The invariants of section 16.2 that may notice.
    package var noticedBy: Set<String> {
        switch self {
        case .deadlineFromReply, .observationFromSend, .renewalsIgnored, .lateGrantUsed, .wallClock, .observationSurvives, .noDeadman,
            .noMargin:
            ["S4", "S5", "S11", "r7"]
        case .noCursorCheck: ["S1", "S2", "S3", "S9"]
        case .noTokenCheck: ["S1", "S2", "S3", "S10"]
        case .noPace: ["S6", "S7"]
        case .wrongPrevious, .noAfter: ["S3"]
        case .noJump: ["S1", "S2", "S3", "S8"]
        case .notRepeatable: ["S1", "S2", "S3", "S4", "S7", "S8", "S9", "L1", "L3", "row 54"]
        }
    }
}
