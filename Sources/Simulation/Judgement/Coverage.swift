/// What a run reached: the `sometimes` list of section 16.1 and a few more. A campaign that never gets to one of them proves less than it seems.
package enum Coverage: Int, CaseIterable, Sendable {
    // The contract's list.
    case publishFenced, gapHealed, gapBeyondRing, orderRefused, softDisconnectRefused, coolingInherited, dueInherited, crashInConnect,
        quarantined, resumedAnew, lateGrantDropped, batchRefusedOutOfMemory, twoClaimantsAtOnce, moveRefusedByPace, holdOverTenTTL,
        epochJumped,
        notPending, notConnecting
    // A holder's crash in each state with a pending reconnect, taken over.
    case crashInWait, crashInDue, crashInCooling, crashInDial, crashInBegin
    // More that should not be missing.
    case publishEnded, overflowAnnounced, resumedSame, selfFenced, regainedAfterSelfFence, deadmanFired, outageProved, acquiredFree,
        acquiredSeen, acquiredDead, cooling, reserved, attemptFailed, releasedBySupervisor, movedByPlacement, drained, beginRepeated,
        resumeRepeated, claimHeldBack, tailLost, dataEmptied, epochReusedAfterTotalLoss, epochReusedByChance, overlapExcused, handedOver

    /// The items of the contract's list, the crashes, and a planned handover.
    package static let demanded = allCases.filter { $0.rawValue <= Coverage.crashInBegin.rawValue || $0 == .handedOver }

    /// The name in words.
    package var title: String {
        var text = ""
        var wasCapital = true
        for letter in "\(self)" {
            if letter.isUppercase, !wasCapital { text += " " }
            wasCapital = letter.isUppercase
            text += letter.lowercased()
        }
        return text
    }
}

/// How often each item was reached.
package struct CoverageCounts: Sendable {
    private var counts = [Int](repeating: 0, count: Coverage.allCases.count)

    package init() {}

    package subscript(item: Coverage) -> Int { counts[item.rawValue] }

    mutating func reach(_ item: Coverage) { counts[item.rawValue] += 1 }

    package mutating func add(_ other: CoverageCounts) { for index in counts.indices { counts[index] += other.counts[index] } }

    /// Demanded items that were never reached.
    package var missing: [Coverage] { Coverage.demanded.filter { self[$0] == 0 } }
}
