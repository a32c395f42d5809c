/// What happens when, in virtual nanoseconds. Events of one moment happen in the order in which they were added.
struct EventQueue {
    private struct Entry {
        var at: Int64
        var order: Int
        var slot: Int

        @inline(__always)
        func precedes(_ other: Entry) -> Bool { at != other.at ? at < other.at : order < other.order }
    }

    private var heap: ContiguousArray<Entry> = []
    /// The actions stand apart, so that moving entries about counts no references.
    private var actions: ContiguousArray<(() -> Void)?> = []
    private var freeSlots: ContiguousArray<Int> = []
    private var order = 0

    mutating func add(at time: Int64, _ action: @escaping () -> Void) {
        order += 1
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            actions[free] = action
        } else {
            slot = actions.count
            actions.append(action)
        }
        let entry = Entry(at: time, order: order, slot: slot)
        heap.append(entry)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entry.precedes(heap[parent]) else { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = entry
    }

    /// Takes the next event that is due up to `end`.
    mutating func next(until end: Int64) -> (at: Int64, action: () -> Void)? {
        guard let first = heap.first, first.at <= end, let action = actions[first.slot] else { return nil }
        actions[first.slot] = nil
        freeSlots.append(first.slot)
        let last = heap.removeLast()
        let count = heap.count
        guard count > 0 else { return (first.at, action) }
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < count else { break }
            if child + 1 < count, heap[child + 1].precedes(heap[child]) { child += 1 }
            guard heap[child].precedes(last) else { break }
            heap[parent] = heap[child]
            parent = child
        }
        heap[parent] = last
        return (first.at, action)
    }
}
