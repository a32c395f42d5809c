/// A feed's part in the memory and disk that the feeds of a worker share.
protocol RingMember: AnyObject {
    var ringBytes: Int { get }
    /// Of these, what is stored already, and kept only in case Redis loses what it has not yet written.
    var storedRingBytes: Int { get }
    /// Forget about so much of what is stored; returns how much that was.
    func forgetRing(_ bytes: Int) -> Int
    /// Have packets written to disk until so much is left in memory, as far as there is a disk.
    func spillRing(downTo bytes: Int)
    /// Keep no more than this: the oldest packets give way.
    func shrinkRing(to bytes: Int)
}

/// One bound for the rings of all feeds of a worker, and one for their spills: a feed may use what the others leave, and where that is too
/// little the largest gives way.
///
/// Bound to the worker's event loop. Members tell what they use after each burst, so the bound is passed by no more than one burst.
package final class RingBudget {
    package let bytes: Int
    package let spillBytes: Int
    package private(set) var used = 0
    /// Of these: not stored yet.
    private var unstored = 0
    private var spillUsed = 0
    private var members: [ObjectIdentifier: any RingMember] = [:]
    private var isRelieving = false
    /// Redis takes packets, as the member that spoke last has seen. All share one connection.
    private var isTaking = false

    package init(bytes: Int, spillBytes: Int = 0) {
        self.bytes = bytes
        self.spillBytes = spillBytes
    }

    /// What is left free of a ring while Redis is away. When Redis is back, reading from the exchanges stops until it has caught up; what they
    /// had sent already comes in all the same, and must not tear a second hole.
    static func burst(_ ringBytes: Int) -> Int { min(ringBytes / 4, 4 << 20) }

    /// Bytes on disk that are free for anybody.
    var freeSpillBytes: Int { max(0, spillBytes - spillUsed) }

    func add(_ member: any RingMember) { members[ObjectIdentifier(member)] = member }
    func remove(_ member: any RingMember) { members[ObjectIdentifier(member)] = nil }

    /// A member uses so much more (or less) than it said before.
    @inline(__always)
    func change(by bytes: Int, unstored: Int, spill: Int, isTaking: Bool) {
        used += bytes
        self.unstored += unstored
        spillUsed += spill
        self.isTaking = isTaking
        if used > self.bytes / 4 * 3 { relieve() }
    }

    /// True when a member that has so much in memory which Redis has not taken should read no more: all together hold a quarter of the ring, and
    /// this one at least its part of that. Who has stopped goes on at half of either.
    func isHigh(unstored: Int, isPressed: Bool) -> Bool {
        let most = isPressed ? bytes / 8 : bytes / 4
        return self.unstored > most && unstored > most / max(1, members.count)
    }

    private func relieve() {
        // Members that give way tell so through `change`.
        guard !isRelieving, members.count > 1 else { return }
        isRelieving = true
        defer { isRelieving = false }
        if spillBytes > 0 {
            let excess = used - bytes / 4 * 3
            if let largest = largest() { largest.spillRing(downTo: max(0, largest.ringBytes - excess)) }
        }
        // A disk needs the room for what it is writing.
        let most = isTaking || spillBytes > 0 ? bytes : bytes - Self.burst(bytes)
        guard used > most else { return }
        // What is stored and may have to be sent again is worth half of the ring while Redis is away, no matter which feed has it.
        let stored = members.values.reduce(0) { $0 + $1.storedRingBytes }
        var excess = min(used - most, isTaking ? stored : stored - most / 2)
        for member in members.values where excess > 0 { excess -= member.forgetRing(excess) }
        var turns = 0
        while used > most, turns < members.count, let largest = largest() {
            largest.shrinkRing(to: max(0, largest.ringBytes - (used - most)))
            turns += 1
        }
    }

    private func largest() -> (any RingMember)? { members.values.max { $0.ringBytes < $1.ringBytes } }
}
