/// A feed's part in the memory and disk that the feeds of a worker share.
protocol RingMember: AnyObject {
    var ringBytes: Int { get }
    /// Have packets written to disk until so much is left in memory, as far as there is a disk.
    func spillRing(downTo bytes: Int)
    /// Keep no more than this: what is acknowledged goes first, then the oldest packets.
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
    private var spillUsed = 0
    private var members: [ObjectIdentifier: any RingMember] = [:]
    private var isRelieving = false

    package init(bytes: Int, spillBytes: Int = 0) {
        self.bytes = bytes
        self.spillBytes = spillBytes
    }

    /// Bytes on disk that are free for anybody.
    var freeSpillBytes: Int { max(0, spillBytes - spillUsed) }

    func add(_ member: any RingMember) { members[ObjectIdentifier(member)] = member }
    func remove(_ member: any RingMember) { members[ObjectIdentifier(member)] = nil }

    /// A member uses so much more (or less) than it said before.
    @inline(__always)
    func change(by bytes: Int, spill: Int) {
        used += bytes
        spillUsed += spill
        if used > self.bytes / 4 * 3 { relieve() }
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
        var turns = 0
        while used > bytes, turns < members.count, let largest = largest() {
            largest.shrinkRing(to: max(0, largest.ringBytes - (used - bytes)))
            turns += 1
        }
    }

    private func largest() -> (any RingMember)? { members.values.max { $0.ringBytes < $1.ringBytes } }
}
