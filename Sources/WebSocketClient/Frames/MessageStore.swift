/// Growable memory for the one message that arrives in pieces. Its bytes stay where they are until the next `space`, `append` or `clear`.
struct MessageStore: ~Copyable, InflateSink {
    /// What one message may leave allocated for the next.
    static let keptBytes = 1 << 20
    /// The most that is reserved because a header announces it; beyond, memory grows with the bytes that really come.
    static let trustedBytes = 1 << 18

    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private(set) var count = 0

    init() {}

    deinit { memory.deallocate() }

    var capacity: Int { memory.count }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

    /// The bytes from `start` on.
    func bytes(from start: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[start..<count]) }

    mutating func append(_ more: UnsafeRawBufferPointer) {
        guard more.count > 0 else { return }
        grow(to: count + more.count)
        UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: more)
        count += more.count
    }

    /// Makes room for what a header announces, as far as it is to be trusted.
    mutating func expect(_ announced: Int) {
        grow(to: count + min(announced, Self.trustedBytes))
    }

    mutating func space(atLeast: Int, upTo: Int) -> UnsafeMutableRawBufferPointer {
        grow(to: count + max(atLeast, min(1024, upTo)))
        return UnsafeMutableRawBufferPointer(rebasing: memory[count...].prefix(upTo))
    }

    mutating func commit(_ produced: Int) { count += produced }

    /// Forgets the message; memory beyond what is worth keeping is given back.
    mutating func clear() {
        count = 0
        guard memory.count > Self.keptBytes else { return }
        memory.deallocate()
        memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    private mutating func grow(to needed: Int) {
        guard needed > memory.count else { return }
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: max(needed, memory.count * 2, 4096), alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<count]))
        memory.deallocate()
        memory = larger
    }
}
