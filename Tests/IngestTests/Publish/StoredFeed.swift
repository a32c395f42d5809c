import Coordination
import NIOCore

@testable import Ingest

/// What the `publish` and `lost` functions keep of one feed, as far as the cursor goes.
struct StoredFeed {
    var epoch = 1
    var next = 1
    /// Payload by sequence; a lost one is nil.
    var packets: [Int: String?] = [:]
    /// Links by sequence, of stored packets.
    var links: [Int: Int] = [:]
    var lastMilliseconds: Int64 = 0
    /// What a real server would have refused.
    var complaints: [String] = []

    mutating func publish(_ batch: PublishBatch, epoch: Int) -> PublishReply {
        guard epoch == self.epoch else { return .fenced }
        guard batch.first <= next else { return .gap(next: next) }
        let packets = PacketEncoding.packets(in: batch.body)
        if packets.count != batch.count { complaints.append("batch of \(batch.count) holds \(packets.count) packets") }
        for (offset, packet) in packets.enumerated() where batch.first + offset >= next {
            if packet.milliseconds < lastMilliseconds { complaints.append("\(batch.first + offset) goes back in time") }
            lastMilliseconds = packet.milliseconds
            self.packets[batch.first + offset] = String(buffer: packet.payload)
            links[batch.first + offset] = packet.previous
            next = batch.first + offset + 1
        }
        return .next(next)
    }

    mutating func lost(_ range: LostRange, epoch: Int) -> LostReply {
        guard epoch == self.epoch else { return .fenced }
        if next > range.last { return .next(next) }
        guard range.first == next else { return .gap(next: next) }
        if range.milliseconds < lastMilliseconds { complaints.append("hole \(range.first)...\(range.last) goes back in time") }
        lastMilliseconds = max(lastMilliseconds, range.milliseconds)
        for sequence in range.first...range.last { packets[sequence] = .some(nil) }
        next = range.last + 1
        return .next(next)
    }

    /// A failover: the server is back at an earlier cursor.
    mutating func goBack(to next: Int) {
        self.next = next
        packets = packets.filter { $0.key < next }
        links = links.filter { $0.key < next }
        lastMilliseconds = 0
    }
}

struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
