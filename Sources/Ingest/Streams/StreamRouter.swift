package import ColonyExchanges

/// Finds the stream of a route without spelling it out: a hash table from the bytes that name the stream to its slot.
///
/// One connection's memory: what the bytes mean may differ on the next one (channel numbers).
package struct StreamRouter {
    private struct Entry {
        var hash: UInt64
        var offset: Int32
        var firstCount: Int32
        var secondCount: Int32
        /// 24 bits of slot, 8 of tag.
        var slotAndTag: UInt32

        var slot: Int { Int(slotAndTag >> 8) }
        var tag: UInt8 { UInt8(truncatingIfNeeded: slotAndTag) }
    }

    private var entries: ContiguousArray<Entry> = []
    /// Index into `entries`, or -1; a power of two long.
    private var table: ContiguousArray<Int32> = ContiguousArray(repeating: -1, count: 64)
    /// The bytes of all keys, one behind the other.
    private var bytes: ContiguousArray<UInt8> = []

    package init() {}

    package var count: Int { entries.count }

    /// The slot remembered for this route, or nil.
    package func slot(of route: Route, in message: UnsafeRawBufferPointer) -> Int? {
        let hash = StreamRouter.hash(route, message)
        var index = Int(truncatingIfNeeded: hash) & (table.count - 1)
        while table[index] >= 0 {
            let entry = entries[Int(table[index])]
            if entry.hash == hash, equal(entry, route, message) { return entry.slot }
            index = (index + 1) & (table.count - 1)
        }
        return nil
    }

    /// What comes behind 64 MB of names is not remembered.
    package mutating func remember(_ slot: Int, for route: Route, in message: UnsafeRawBufferPointer) {
        guard bytes.count + route.first.count + route.second.count <= 64 << 20, slot < 1 << 24 else { return }
        let hash = StreamRouter.hash(route, message)
        let entry = Entry(
            hash: hash, offset: Int32(bytes.count), firstCount: Int32(route.first.count), secondCount: Int32(route.second.count),
            slotAndTag: UInt32(slot) << 8 | UInt32(route.tag))
        bytes.append(contentsOf: message[route.first])
        bytes.append(contentsOf: message[route.second])
        entries.append(entry)
        if entries.count * 2 > table.count {
            table = ContiguousArray(repeating: -1, count: table.count * 2)
            for number in entries.indices { insert(number) }
        } else {
            insert(entries.count - 1)
        }
    }

    private mutating func insert(_ number: Int) {
        var index = Int(truncatingIfNeeded: entries[number].hash) & (table.count - 1)
        while table[index] >= 0 { index = (index + 1) & (table.count - 1) }
        table[index] = Int32(number)
    }

    private func equal(_ entry: Entry, _ route: Route, _ message: UnsafeRawBufferPointer) -> Bool {
        let (offset, firstCount) = (Int(entry.offset), Int(entry.firstCount))
        guard entry.tag == route.tag, firstCount == route.first.count, Int(entry.secondCount) == route.second.count else { return false }
        return bytes.withUnsafeBytes { stored in
            StreamRouter.equal(stored, offset, message, route.first)
                && StreamRouter.equal(stored, offset &+ firstCount, message, route.second)
        }
    }

    @inline(__always)
    private static func equal(_ stored: UnsafeRawBufferPointer, _ offset: Int, _ message: UnsafeRawBufferPointer, _ range: Range<Int>)
        -> Bool
    {
        var index = 0
        let count = range.count
        while index &+ 8 <= count {
            let left = stored.loadUnaligned(fromByteOffset: offset &+ index, as: UInt64.self)
            let right = message.loadUnaligned(fromByteOffset: range.lowerBound &+ index, as: UInt64.self)
            guard left == right else { return false }
            index &+= 8
        }
        if index < count, count >= 8 {
            return stored.loadUnaligned(fromByteOffset: offset &+ count &- 8, as: UInt64.self)
                == message.loadUnaligned(fromByteOffset: range.upperBound &- 8, as: UInt64.self)
        }
        while index < count {
            guard stored[offset &+ index] == message[range.lowerBound &+ index] else { return false }
            index &+= 1
        }
        return true
    }

    /// Multiply and fold, eight bytes at a time. Not against attackers: the keys of one connection are the exchange's own names, and their
    /// number is bounded by the caller.
    @inline(__always)
    private static func hash(_ route: Route, _ message: UnsafeRawBufferPointer) -> UInt64 {
        var hash = UInt64(route.tag) &+ 0x9e37_79b9_7f4a_7c15
        hash = mix(hash, message, route.first)
        if !route.second.isEmpty { hash = mix(hash ^ UInt64(truncatingIfNeeded: route.first.count), message, route.second) }
        return hash ^ (hash >> 32)
    }

    @inline(__always)
    private static func mix(_ start: UInt64, _ message: UnsafeRawBufferPointer, _ range: Range<Int>) -> UInt64 {
        var hash = start
        var index = range.lowerBound
        while index + 8 <= range.upperBound {
            hash = fold(hash ^ message.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index += 8
        }
        var tail: UInt64 = 0
        if index < range.upperBound {
            if range.count >= 8 {
                // The last eight bytes once more: no loop over single ones.
                tail = message.loadUnaligned(fromByteOffset: range.upperBound &- 8, as: UInt64.self)
            } else {
                while index < range.upperBound {
                    tail = tail << 8 | UInt64(message[index])
                    index &+= 1
                }
            }
        }
        return fold(hash ^ tail)
    }

    @inline(__always)
    private static func fold(_ value: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: 0xa076_1d64_78bd_642f)
        return product.high ^ product.low
    }
}
