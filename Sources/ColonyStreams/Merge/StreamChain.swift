package import Coordination

/// The chain of `prev` and `after` of one stream: tells for each entry whether something is missing in front of it.
package struct StreamChain: Sendable, Equatable {
    /// What is missing in front of an entry.
    package enum Hole: Sendable, Equatable {
        /// The entry with the range's last sequence, and perhaps others of this stream within the range.
        case sequences(ClosedRange<Int>)
        /// What lies behind the last entry up to this id, which was stored.
        case through(EntryID)
        /// Something; the entry does not say what.
        case unknown
        /// Nothing, but the last entry is no longer in the stream: another history goes on here.
        case diverged
    }

    /// What `prev` of the next entry of the same epoch may be.
    private enum Expectation: Equatable {
        case exactly(Int)
        /// Reading began at a cut behind this sequence.
        case atMost(Int)
        /// Reading began at a time, which names no sequence.
        case any
    }

    /// The last entry dealt with, or the cut where reading began.
    package private(set) var last: EntryID
    /// The same without gap markers, in front of which nothing is told that is missing.
    package private(set) var lastLinked: EntryID
    /// False until an entry of this stream has been dealt with.
    package private(set) var hasEntry = false
    private var epoch: Int
    private var expectation: Expectation
    // How dense the stream is within the epoch, for estimates.
    private var firstSequence = 0
    private var seen = 0

    /// `cut`: reading begins behind it; epoch 0 stands for a mere time.
    package init(cut: EntryID) {
        self.last = cut
        self.lastLinked = cut
        self.epoch = cut.epoch
        self.expectation = cut.epoch == 0 ? .any : .atMost(cut.sequence)
    }

    /// Links an entry to the one before; returns what is missing between them.
    package mutating func append(_ entry: StreamEntry) -> Hole? {
        if case .foreign = entry.content {
            last = entry.id
            return nil
        }
        if entry.isGap {
            let isNewEpoch = entry.id.epoch != epoch
            let fromTime = !hasEntry && epoch == 0
            // The marker that opened the epoch was not seen: what came before the gap is told as missing now, so the chain begins here.
            if isNewEpoch { expectation = fromTime ? .any : .atMost(entry.id.sequence) }
            last = entry.id
            epoch = entry.id.epoch
            hasEntry = true
            if isNewEpoch { lastLinked = entry.id }
            return isNewEpoch && !fromTime ? .unknown : nil
        }
        let hole = entry.id.epoch == epoch && entry.after == nil ? holeWithinEpoch(entry) : holeAcrossEpochs(entry)
        if entry.id.epoch != epoch || seen == 0 {
            firstSequence = entry.id.sequence
            seen = 0
        }
        seen += 1
        last = entry.id
        lastLinked = entry.id
        epoch = entry.id.epoch
        expectation = .exactly(entry.id.sequence)
        hasEntry = true
        return hole
    }

    /// Begins behind entries that a reader before has dealt with, oldest first: exact where a cut alone would only be a bound.
    package mutating func resume(behind entries: [StreamEntry]) {
        for entry in entries { _ = append(entry) }
    }

    /// Goes on behind entries that are known to have been there and will never be read.
    package mutating func skip(to id: EntryID) {
        last = id
        lastLinked = id
        epoch = id.epoch
        expectation = .exactly(id.sequence)
        hasEntry = true
        seen = 0
    }

    /// About how many entries of this stream a run of sequences of the feed holds; at least 1.
    package func estimate(of sequences: Int) -> Int {
        guard seen > 1, case .exactly(let lastSequence) = expectation, lastSequence > firstSequence else { return 1 }
        let density = Double(seen - 1) / Double(lastSequence - firstSequence)
        return min(max(1, sequences), max(1, Int((density * Double(sequences)).rounded())))
    }

    private func holeWithinEpoch(_ entry: StreamEntry) -> Hole? {
        guard let previous = entry.previous else { return .unknown }
        switch expectation {
        case .exactly(let sequence):
            if previous == sequence { return nil }
            return previous > sequence ? .sequences(sequence + 1...previous) : .diverged
        case .atMost(let sequence): return previous <= sequence ? nil : .sequences(sequence + 1...previous)
        case .any: return nil
        }
    }

    private func holeAcrossEpochs(_ entry: StreamEntry) -> Hole? {
        let fromTime = !hasEntry && epoch == 0
        guard let after = entry.after else {
            if fromTime { return nil }
            // The epoch's first entry of this stream is missing as well.
            return entry.previous.flatMap { $0 > 0 ? .sequences(1...$0) : nil } ?? .unknown
        }
        if after == last || (!isPinned && after <= last) { return nil }
        return after > last ? .through(after) : .diverged
    }

    /// The last entry is known, not only a bound for it.
    private var isPinned: Bool {
        switch expectation {
        case .exactly: true
        case .atMost, .any: false
        }
    }
}
