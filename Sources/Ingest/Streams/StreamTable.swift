package import ColonyExchanges
package import Coordination
import NIOCore

/// The streams of one feed, numbered in the order in which they were first met. Slot 0 is the control stream.
///
/// A slot outlives connections and epochs; only `lastSequence` starts afresh with each epoch.
package struct StreamTable {
    package struct Slot {
        package let topic: Topic?
        /// The key and its MAXLEN as bulk strings of the Redis protocol, ready to be copied into a command.
        let keyBulk: [UInt8]
        fileprivate(set) var maxlenBulk: [UInt8]
        /// Sequence of the stream's last entry in this epoch; 0: none yet.
        var lastSequence = 0
        /// Which batch last named the stream, and under which number.
        var batch: UInt64 = 0
        var numberInBatch = 0
        package var packets = 0
        package var key: String { text(ofBulk: keyBulk) }
        /// Local time of the last packet in nanoseconds; 0: none.
        package var lastReceived: Int64 = 0
    }

    package private(set) var slots: ContiguousArray<Slot> = []
    private var byTopic: [Topic: Int] = [:]
    private let dataPrefix: String
    private let keys: FeedKeys
    /// The lease record's key and the registry's as bulk strings.
    let leaseBulk: [UInt8]
    let registryBulk: [UInt8]
    private let maxlen: @Sendable (Topic?) -> Int
    /// What every retention by count is multiplied with.
    private var factor = 1.0
    /// The few there are, shared by thousands of slots.
    private var maxlenBulks: [Int: [UInt8]] = [:]

    /// `maxlen` gives the retention by count of a topic's stream; nil asks for the control stream's.
    package init(keys: FeedKeys, maxlen: @escaping @Sendable (Topic?) -> Int) {
        self.keys = keys
        self.leaseBulk = bulk(keys.lease)
        self.registryBulk = bulk(keys.streams)
        self.maxlen = maxlen
        let sample = keys.data(channel: "x", symbol: "x")
        dataPrefix = String(sample.dropLast("x:x".count))
        append(nil, key: keys.control)
    }

    /// All but the control stream.
    package var dataStreams: Int { slots.count - 1 }

    /// The slot of a topic that was met before.
    package func known(_ topic: Topic) -> Int? { byTopic[topic] }

    /// The slot of a topic, made on first use.
    package mutating func slot(of topic: Topic) -> Int {
        if let slot = byTopic[topic] { return slot }
        let slot = slots.count
        byTopic[topic] = slot
        append(topic, key: keys.data(channel: topic.channel, symbol: topic.symbol))
        return slot
    }

    private mutating func append(_ topic: Topic?, key: String) {
        slots.append(Slot(topic: topic, keyBulk: bulk(key), maxlenBulk: maxlenBulk(of: topic)))
    }

    private mutating func maxlenBulk(of topic: Topic?) -> [UInt8] {
        let length = length(topic)
        if let known = maxlenBulks[length] { return known }
        let made = bulk(String(length))
        maxlenBulks[length] = made
        return made
    }

    private func length(_ topic: Topic?) -> Int { MemoryGovernor.shorten(max(1, maxlen(topic)), by: factor) }

    /// Multiplies all retentions by count; 1: as configured.
    mutating func scaleRetention(by factor: Double) {
        guard factor != self.factor else { return }
        self.factor = factor
        maxlenBulks = [:]
        for slot in slots.indices { slots[slot].maxlenBulk = maxlenBulk(of: slots[slot].topic) }
    }

    /// The retention by count that holds now for a stream of the feed's registry, met by this worker or not.
    package func maxlen(ofKey key: String) -> Int {
        key == keys.control ? length(nil) : length(StreamTable.topic(ofKey: key, prefix: dataPrefix))
    }

    /// Which of these streams, named by their keys, have an entry in this epoch.
    package func open(among names: [String]) -> Set<String> {
        // Asked for a few hundred at a time every few seconds: a table of the names by key would be in memory all the time.
        let asked = Set(names)
        var found: Set<String> = []
        for slot in slots where slot.lastSequence > 0 {
            let name = slot.key
            if asked.contains(name) { found.insert(name) }
        }
        return found
    }

    /// The symbol stays as the key spells it: retention goes by channel.
    private static func topic(ofKey key: String, prefix: String) -> Topic {
        let rest = key.hasPrefix(prefix) ? key.dropFirst(prefix.count) : key[...]
        let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        return Topic(channel: String(parts[0]), symbol: parts.count > 1 ? String(parts[1]) : "")
    }

    /// A new epoch: no stream has an entry in it.
    mutating func beginEpoch() {
        for slot in slots.indices { slots[slot].lastSequence = 0 }
    }

    /// What was not stored is numbered anew, `shift` lower: streams whose last entry was stored have none in the new epoch.
    mutating func renumber(shift: Int) {
        for slot in slots.indices { slots[slot].lastSequence = max(0, slots[slot].lastSequence - shift) }
    }

    /// What a packet's place among the streams is.
    struct Link {
        /// The sequence of the stream's entry before it in this epoch; 0: none.
        var previous: Int
        /// The stream's number in the batch; 0 is the control stream.
        var number: Int
        /// The batch names the stream for the first time.
        var isNew: Bool
    }

    /// Notes an entry of the stream; `next` counts the data streams that the batch has named.
    @inline(__always)
    mutating func link(_ slot: Int, sequence: Int, received: Int64, batch: UInt64, next: inout Int) -> Link {
        slots[slot].link(sequence: sequence, received: received, batch: batch, next: slot == 0 ? nil : next &+ 1, counting: &next)
    }
}

extension StreamTable.Slot {
    /// One access to the table per packet. `next`: the number for a stream that the batch has not named; nil for the control stream.
    @inline(__always)
    fileprivate mutating func link(sequence: Int, received: Int64, batch: UInt64, next: Int?, counting: inout Int) -> StreamTable.Link {
        let previous = lastSequence
        lastSequence = sequence
        packets &+= 1
        lastReceived = received
        guard let next else { return StreamTable.Link(previous: previous, number: 0, isNew: false) }
        let isNew = self.batch != batch
        if isNew {
            self.batch = batch
            numberInBatch = next
            counting = next
        }
        return StreamTable.Link(previous: previous, number: numberInBatch, isNew: isNew)
    }
}

/// What stands between the length and the end of a bulk string.
private func text(ofBulk bytes: [UInt8]) -> String {
    let start = bytes.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    return String(decoding: bytes[start..<max(start, bytes.count - 2)], as: UTF8.self)
}

private func bulk(_ text: String) -> [UInt8] {
    Array("$\(text.utf8.count)\r\n\(text)\r\n".utf8)
}
