/// Goes along the messages of one socket while stored entries are matched to them. Holds a few chunks, whatever the socket's length.
struct SocketCursor {
    private struct Chunk {
        var messages: [TrueMessage]
        var isMatched: [Bool]
        /// Places in the chunk by hash; made when first needed.
        var index: [UInt64: [Int32]]?
    }

    let socket: TrueSocket
    /// The first message that is not passed.
    private(set) var position = 0
    let count: Int
    private let spill: MessageSpill
    /// By number of the chunk.
    private var chunks: [Int: Chunk] = [:]
    private static let size = 32_768
    /// How far ahead a stored entry is looked for.
    private static let reach = 12
    private static let behind = 2

    init(_ socket: TrueSocket, _ spill: MessageSpill) {
        self.socket = socket
        self.spill = spill
        count = spill.count(of: socket.number)
    }

    mutating func message(at place: Int) throws(HistoryError) -> TrueMessage {
        let number = place / Self.size
        try load(number)
        return chunks[number]!.messages[place % Self.size]
    }

    mutating func isMatched(_ place: Int) throws(HistoryError) -> Bool {
        let number = place / Self.size
        try load(number)
        return chunks[number]!.isMatched[place % Self.size]
    }

    /// The next unmatched message with this payload at or behind the position; nil within the reach.
    mutating func ahead(hash: UInt64, bytes: Int) throws(HistoryError) -> Int? {
        // Nearly always the very next one.
        for place in position..<min(position + 64, count) {
            let message = try message(at: place)
            if message.hash == hash, message.bytes == bytes { return place }
        }
        let first = position / Self.size
        for number in first..<(first + Self.reach) where number * Self.size < count {
            try index(number)
            for place in chunks[number]!.index![hash] ?? [] {
                let absolute = number * Self.size + Int(place)
                if absolute >= position, chunks[number]!.messages[Int(place)].bytes == bytes { return absolute }
            }
        }
        return nil
    }

    /// The nearest passed message with this payload; whether it was matched to an entry.
    mutating func passed(hash: UInt64) throws(HistoryError) -> (place: Int, isMatched: Bool)? {
        var found: (place: Int, isMatched: Bool)?
        let last = position / Self.size
        for number in stride(from: last, through: max(0, last - Self.behind), by: -1) where number * Self.size < count {
            try index(number)
            for place in (chunks[number]!.index![hash] ?? []).reversed() {
                let absolute = number * Self.size + Int(place)
                guard absolute < position else { continue }
                let isMatched = chunks[number]!.isMatched[Int(place)]
                if !isMatched { return (absolute, false) }
                if found == nil { found = (absolute, true) }
            }
        }
        return found
    }

    mutating func match(_ place: Int) throws(HistoryError) {
        let number = place / Self.size
        try load(number)
        chunks[number]!.isMatched[place % Self.size] = true
    }

    /// Passes everything before `place`.
    mutating func advance(to place: Int) {
        position = place
        let oldest = position / Self.size - Self.behind
        for number in chunks.keys where number < oldest { chunks[number] = nil }
    }

    /// What was stored from `place` on is going to be stored once more (`rollback`).
    mutating func rewind(to place: Int) throws(HistoryError) {
        for place in place..<position {
            try load(place / Self.size)
            chunks[place / Self.size]!.isMatched[place % Self.size] = false
        }
        position = place
    }

    private mutating func load(_ number: Int) throws(HistoryError) {
        guard chunks[number] == nil else { return }
        let messages = try spill.messages(of: socket.number, from: number * Self.size, limit: Self.size)
        chunks[number] = Chunk(messages: messages, isMatched: Array(repeating: false, count: messages.count))
    }

    private mutating func index(_ number: Int) throws(HistoryError) {
        try load(number)
        guard chunks[number]!.index == nil else { return }
        var index: [UInt64: [Int32]] = [:]
        for (place, message) in chunks[number]!.messages.enumerated() { index[message.hash, default: []].append(Int32(place)) }
        chunks[number]!.index = index
    }
}
