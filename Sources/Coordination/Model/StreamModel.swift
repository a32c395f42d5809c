/// A Redis stream id: two 64-bit numbers.
package struct StreamID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var milliseconds: UInt64
    package var sequence: UInt64

    package static let zero = StreamID(milliseconds: 0, sequence: 0)

    package init(milliseconds: UInt64, sequence: UInt64) {
        self.milliseconds = milliseconds
        self.sequence = sequence
    }

    package init?(_ text: some StringProtocol) {
        guard let dash = text.firstIndex(of: "-"), let milliseconds = UInt64(text[..<dash]),
            let sequence = UInt64(text[text.index(after: dash)...])
        else { return nil }
        self.init(milliseconds: milliseconds, sequence: sequence)
    }

    package init(_ id: EntryID) {
        self.init(
            milliseconds: UInt64(id.milliseconds),
            sequence: UInt64(id.epoch) * UInt64(EntryID.sequencesPerEpoch) + UInt64(id.sequence))
    }

    /// The epoch a feed's id carries; 0 for ids that Redis or a person made.
    package var epoch: Int { Int(sequence / UInt64(EntryID.sequencesPerEpoch)) }
    package var description: String { "\(milliseconds)-\(sequence)" }

    package static func < (left: StreamID, right: StreamID) -> Bool {
        (left.milliseconds, left.sequence) < (right.milliseconds, right.sequence)
    }
}

/// A stream as the functions see it: entries in id order, and the last id ever given out, which outlives them.
package struct StreamModel: Sendable, Equatable {
    package struct Field: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package struct Entry: Sendable, Equatable {
        package var id: StreamID
        package var fields: [Field]

        package init(id: StreamID, fields: [Field]) {
            self.id = id
            self.fields = fields
        }

        package subscript(name: String) -> String? { fields.first { $0.name == name }?.value }
    }

    package private(set) var entries: [Entry] = []
    package private(set) var lastGeneratedID = StreamID.zero

    package init() {}

    /// False, without effect, when the id is not above every id given out before.
    package mutating func append(_ entry: Entry, maximumLength: Int? = nil) -> Bool {
        guard entry.id > lastGeneratedID else { return false }
        lastGeneratedID = entry.id
        entries.append(entry)
        // Like `MAXLEN ~`: in steps, so that a long stream is not moved at every entry.
        if let maximumLength, entries.count > maximumLength + max(100, maximumLength / 10) {
            entries.removeFirst(entries.count - maximumLength)
        }
        return true
    }

    /// Drops the entries below the id; returns how many.
    package mutating func trim(below minimum: StreamID) -> Int {
        let count = entries.firstIndex { $0.id >= minimum } ?? entries.count
        entries.removeFirst(count)
        return count
    }

    /// Drops the oldest entries beyond so many; returns how many.
    package mutating func trim(toLength length: Int) -> Int {
        let count = max(0, entries.count - length)
        entries.removeFirst(count)
        return count
    }

    /// Up to `count` entries above the id.
    package func read(after id: StreamID, count: Int) -> ArraySlice<Entry> {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].id > id { high = middle } else { low = middle + 1 }
        }
        return entries[low...].prefix(count)
    }
}
