import Coordination
import DequeModule
import NIOCore

/// Keeping within memory: what goes to disk, what comes back, what gives way.
extension PublishMachine {
    /// From here on packets go to disk: the rest of the ring holds what is being written and read.
    private var spillLevel: Int { ringAllowance / 4 * 3 }
    private var beingWrittenLimit: Int { min(4 << 20, limits.ringBytes / 16) }
    private var readAhead: Int { min(2 << 20, limits.ringBytes / 16) }
    /// What an endless file system error costs: one attempt in this time.
    private static let spillPause: Int64 = 1_000_000_000

    /// The first entry that is neither acknowledged nor on its way.
    private var firstWaiting: Int { acknowledged + inFlight + (lostInFlight ? 1 : 0) }

    /// Bytes on disk.
    package var spillUsedBytes: Int { spill?.usedBytes ?? 0 }

    /// What the worker's feeds leave this one of the disk.
    package mutating func allowSpill(_ bytes: Int) { spill?.maxBytes = bytes }

    mutating func keepWithinAllowance(_ now: Int64) {
        if spill != nil, memory - beingWritten > spillLevel { spillDown(to: spillLevel, now) }
        let most =
            if isTaking { ringAllowance } else if spill == nil { ringAllowance - RingBudget.burst(ringAllowance) } else {
                // What the disk has in hand stays in memory until it is written.
                ringAllowance / 8 * 7
            }
        if memory > most { shrink(to: most, now) }
    }

    /// Frees about so many bytes of packets that are stored and kept for a while only; returns how many.
    mutating func forgetStored(_ bytes: Int) -> Int {
        let before = memory
        while acknowledged > 0, before - memory < bytes { forgetFirst() }
        return before - memory
    }

    // MARK: To disk

    /// Has waiting packets written to disk, the newest first, until what is left in memory fits `target`, or disk or bound allow no more. So the
    /// ring keeps the beginning of an outage, which is sent first.
    package mutating func spillDown(to target: Int, _ now: Int64) {
        guard spill != nil, now >= spillRetryAt else { return }
        // What was sealed last, as a rule, stands before the last few entries that went this way.
        let waiting = firstWaiting
        let nearest = max(waiting, entries.count - 64)
        var index = entries.count - 1
        while index >= nearest, memory - beingWritten > target {
            guard spillOne(at: index) else { return }
            index -= 1
        }
        // Another feed needs room, or the notes of what is on disk do: the packets that stand before those on disk follow.
        index = lastBeforeDisk(from: waiting, to: nearest)
        while index >= waiting, memory - beingWritten > target {
            guard spillOne(at: index) else { return }
            index -= 1
        }
    }

    /// Of the entries from `start` up to `end`, the last one in memory that stands before one on disk; `start - 1` when none does.
    ///
    /// The beginning of them is in memory and the rest on disk, but for single ones that the disk refused or that came back already. Among these
    /// any such border will do.
    private func lastBeforeDisk(from start: Int, to end: Int) -> Int {
        var low = start
        var high = end
        while low < high {
            let middle = (low + high) / 2
            if case .spilled = entries[middle] { high = middle } else { low = middle + 1 }
        }
        return low - 1
    }

    /// False when no more can go to disk now.
    private mutating func spillOne(at index: Int) -> Bool {
        guard case .packets(var batch) = entries[index] else { return true }
        if let place = batch.place {
            // It came from disk and is still there.
            if !batch.isBeingWritten { unload(batch, place, at: index) }
            return true
        }
        guard let token, beingWritten < beingWrittenLimit else { return false }
        let length = SpillRecord.length(streams: batch.streams.count, body: batch.bytes)
        guard let place = spill?.place(length) else { return false }
        batch.place = place
        batch.isBeingWritten = true
        beingWritten += batch.body.storageCapacity
        entries[index] = .packets(batch)
        spillActions.append(
            .write(
                number: batch.number, place,
                SpillRecord(
                    first: batch.first, count: batch.count, epoch: token.epoch, firstMilliseconds: batch.firstMilliseconds,
                    lastMilliseconds: batch.lastMilliseconds, streams: batch.streams, body: batch.body)))
        return true
    }

    private mutating func unload(_ batch: PublishBatch, _ place: SpillPlace, at index: Int) {
        memory -= entries[index].memory
        entries[index] = .spilled(
            SpilledBatch(
                number: batch.number, first: batch.first, count: batch.count, bytes: batch.bytes,
                firstMilliseconds: batch.firstMilliseconds,
                lastMilliseconds: batch.lastMilliseconds, startedAt: batch.startedAt, acknowledgedAt: batch.acknowledgedAt,
                endOffset: batch.endOffset, place: place))
        memory += entries[index].memory
        spilledEntries += 1
        spilledBytes += batch.bytes
    }

    package mutating func spillWritten(_ number: UInt64, _ place: SpillPlace) {
        guard let index = index(of: number), case .packets(var batch) = entries[index], batch.isBeingWritten, batch.place == place else {
            return
        }
        batch.isBeingWritten = false
        beingWritten -= batch.body.storageCapacity
        entries[index] = .packets(batch)
        counters.spilledPackets += batch.count
        counters.spilledBytes += batch.bytes
        // What has been sent meanwhile stays in memory until it is durable, as if it had never been written.
        if index >= firstWaiting { unload(batch, place, at: index) }
    }

    /// The disk is full or broken: the packets stay in memory.
    package mutating func spillWriteFailed(_ number: UInt64, _ place: SpillPlace, now: Int64) {
        counters.spillFailures += 1
        spillRetryAt = now + Self.spillPause
        guard let index = index(of: number), case .packets(var batch) = entries[index], batch.isBeingWritten, batch.place == place else {
            return
        }
        giveUpPlace(of: &batch)
        entries[index] = .packets(batch)
    }

    /// Frees a batch's place on disk.
    mutating func giveUpPlace(of batch: inout PublishBatch) {
        guard let place = batch.place else { return }
        if batch.isBeingWritten { beingWritten -= batch.body.storageCapacity }
        batch.place = nil
        batch.isBeingWritten = false
        release(place)
    }

    private mutating func release(_ place: SpillPlace) {
        if let segment = spill?.release(place) { spillActions.append(.delete(segment: segment)) }
    }

    /// The token has ended: what lies on disk is nobody's any more.
    mutating func discardSpill() {
        for entry in entries.dropFirst(acknowledged) {
            if case .spilled(let batch) = entry { counters.spillDiscardedPackets += batch.count }
        }
        spillActions.removeAll { if case .delete = $0 { false } else { true } }
        for segment in spill?.discard() ?? [] { spillActions.append(.delete(segment: segment)) }
        beingWritten = 0
        beingRead = 0
        spilledEntries = 0
        spilledBytes = 0
    }

    // MARK: From disk

    /// The next thing to have done by the disk, or nil.
    package mutating func nextSpillAction() -> SpillAction? {
        guard spill != nil else { return nil }
        if let action = spillActions.popFirst() { return action }
        guard spilledEntries > 0, token != nil, isLinkUp, !isHeld, beingRead < readAhead else { return nil }
        let start = acknowledged + inFlight
        for index in start..<min(entries.count, start + 64) {
            guard case .spilled(var batch) = entries[index], !batch.isLoading else { continue }
            // What is sent next is read even if there is no room: nothing comes free before it is sent.
            guard memory + batch.bytes <= ringAllowance || index == start else { return nil }
            batch.isLoading = true
            beingRead += batch.bytes
            entries[index] = .spilled(batch)
            return .read(number: batch.number, batch.place)
        }
        return nil
    }

    /// What was read; nil: it is not there any more, or damaged.
    package mutating func spillRead(_ number: UInt64, _ place: SpillPlace, _ record: SpillRecord?) {
        guard let index = index(of: number), case .spilled(let batch) = entries[index], batch.isLoading, batch.place == place else {
            return
        }
        beingRead -= batch.bytes
        guard let record else {
            counters.spillDiscardedPackets += batch.count
            return give(way: index, reason: "spilled to disk and not readable any more")
        }
        var loaded = PublishBatch(first: record.first, body: record.body)
        loaded.count = record.count
        loaded.firstMilliseconds = record.firstMilliseconds
        loaded.lastMilliseconds = record.lastMilliseconds
        if let renumbering = batch.renumbering { loaded = renumbering.apply(to: loaded) }
        loaded.streams = record.streams
        loaded.startedAt = batch.startedAt
        loaded.acknowledgedAt = batch.acknowledgedAt
        loaded.endOffset = batch.endOffset
        loaded.number = batch.number
        loaded.place = batch.place
        spilledEntries -= 1
        spilledBytes -= batch.bytes
        memory -= entries[index].memory
        entries[index] = .packets(loaded)
        memory += entries[index].memory
        // The numbers on disk are the old ones.
        if batch.renumbering != nil {
            giveUpPlace(of: &loaded)
            entries[index] = .packets(loaded)
        }
    }

    private func index(of number: UInt64) -> Int? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].number < number { low = middle + 1 } else { high = middle }
        }
        // A hole may bear the number of the batch it took the place of.
        while low < entries.count, entries[low].number == number {
            if case .lost = entries[low] { low += 1 } else { return low }
        }
        return nil
    }

    // MARK: Giving way

    /// Forgets the oldest entry, which is acknowledged.
    mutating func forgetFirst() {
        guard acknowledged > 0, let first = entries.popFirst() else { return }
        acknowledged -= 1
        memory -= first.memory
        storedMemory = max(0, storedMemory - first.memory)
        switch first {
        case .packets(var batch): giveUpPlace(of: &batch)
        case .spilled(let batch): leaveDisk(batch)
        case .lost: break
        }
    }

    private mutating func leaveDisk(_ batch: SpilledBatch) {
        spilledEntries -= 1
        spilledBytes -= batch.bytes
        release(batch.place)
    }

    /// Frees memory until `target` is kept: first what is acknowledged, then the oldest packets that are stored nowhere. Their range is
    /// remembered, to be announced in their place. While Redis is away, acknowledged packets that fill no more than half of it stay: a server that
    /// comes back without what it wrote last would tear a hole where readers have been already.
    package mutating func shrink(to target: Int, _ now: Int64) {
        let kept = isTaking ? 0 : target / 2
        while memory > target, storedMemory > kept, acknowledged > 0 { forgetFirst() }
        let reason = "buffer full while Redis was away"
        while memory > target {
            guard let oldest = entries[min(firstWaiting, entries.count)...].firstIndex(where: { $0.packets > 0 }) else { return }
            if case .spilled(let batch) = entries[oldest] {
                let before = memory
                spillDown(to: target / 4 * 3, now)
                if memory < before { continue }
                if memory - beingWritten <= target { return }
                guard let victim = oldestInTail() else {
                    // Only the notes of what lies on disk are left to give way.
                    guard spilledEntries * SpilledBatch.memory > target / 2, !batch.isLoading else { return }
                    give(way: oldest, reason: reason)
                    continue
                }
                // Where the disk is full the oldest give way there; where it is slow or broken, those that cannot get to it do.
                let isDiskFull = now >= spillRetryAt && beingWritten < beingWrittenLimit && !batch.isLoading
                give(way: isDiskFull ? oldest : victim, reason: reason)
            } else if let victim = entries[oldest...].firstIndex(where: Self.mayGiveWay), victim < entries.count - 1 {
                give(way: victim, reason: reason)
            } else {
                return
            }
        }
    }

    /// Packets in memory that are not in the hands of the disk.
    private static func mayGiveWay(_ entry: PublishEntry) -> Bool {
        if case .packets(let batch) = entry { !batch.isBeingWritten } else { false }
    }

    /// The oldest packets in memory behind those on disk; never the newest of all.
    private func oldestInTail() -> Int? {
        var found: Int?
        var index = entries.count - 2
        while index >= firstWaiting {
            if case .spilled = entries[index] { break }
            if Self.mayGiveWay(entries[index]) { found = index }
            index -= 1
        }
        return found
    }

    /// The entry's packets become a hole, one with the holes beside it.
    private mutating func give(way index: Int, reason: String) {
        let entry = entries[index]
        memory -= entry.memory
        counters.droppedPackets += entry.packets
        counters.droppedBytes += entry.bytes
        counters.overflowedPackets += entry.packets
        switch entry {
        case .packets(var batch): giveUpPlace(of: &batch)
        case .spilled(let batch): leaveDisk(batch)
        case .lost: return
        }
        let next = index + 1 < entries.count ? entries[index + 1].firstMilliseconds : open?.firstMilliseconds ?? lastMilliseconds
        var range = LostRange(first: entry.first, last: entry.last, milliseconds: next, reason: reason)
        range.endOffset = entry.endOffset
        range.number = entry.number
        var start = index
        var end = index
        // A hole that is announced already, or on its way, stays as it is.
        while start > firstWaiting, case .lost(let before) = entries[start - 1] {
            range = before.joined(with: range)
            start -= 1
        }
        while index >= firstWaiting, end + 1 < entries.count, case .lost(let behind) = entries[end + 1] {
            range = range.joined(with: behind)
            end += 1
        }
        entries.replaceSubrange(start...end, with: CollectionOfOne(.lost(range)))
    }
}
