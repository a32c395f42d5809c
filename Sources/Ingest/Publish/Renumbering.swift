import NIOCore

/// What `resume` does to packets that were not stored: S becomes S - shift under another epoch, times are not below a floor, and links that
/// pointed to something stored become 0. Holes keep their length, so one shift serves all packets.
struct Renumbering: Equatable {
    var epoch: Int
    var shift: Int
    var floor: Int64

    /// First this, then `next`.
    func followed(by next: Renumbering) -> Renumbering {
        Renumbering(epoch: next.epoch, shift: shift + next.shift, floor: max(floor, next.floor))
    }

    func sequence(_ old: Int) -> Int { max(0, old - shift) }
    func milliseconds(_ old: Int64) -> Int64 { max(old, floor) }

    /// The encoded packets with new ids and links; those that fall to 0 or below are stored and left out.
    func apply(to body: ByteBuffer, first: Int) -> ByteBuffer {
        var out = ByteBufferAllocator().buffer(capacity: body.readableBytes)
        var stamp = PacketStamp()
        for (offset, packet) in PacketEncoding.packets(in: body).enumerated() {
            let sequence = first + offset - shift
            guard sequence > 0 else { continue }
            stamp.set(milliseconds: milliseconds(packet.milliseconds), epoch: epoch, time: packet.time)
            _ = packet.payload.withUnsafeReadableBytes { payload in
                PacketEncoding.append(
                    &out, stamp: stamp, stream: packet.stream, sequence: sequence, previous: self.sequence(packet.previous),
                    payload: payload)
            }
        }
        return out
    }

    func apply(to batch: PublishBatch) -> PublishBatch {
        var renumbered = batch
        renumbered.body = apply(to: batch.body, first: batch.first)
        renumbered.first = max(1, batch.first - shift)
        renumbered.count = batch.last - shift - renumbered.first + 1
        renumbered.firstMilliseconds = milliseconds(batch.firstMilliseconds)
        renumbered.lastMilliseconds = milliseconds(batch.lastMilliseconds)
        return renumbered
    }

    func apply(to batch: SpilledBatch) -> SpilledBatch {
        var renumbered = batch
        renumbered.first = max(1, batch.first - shift)
        renumbered.count = batch.last - shift - renumbered.first + 1
        renumbered.firstMilliseconds = milliseconds(batch.firstMilliseconds)
        renumbered.lastMilliseconds = milliseconds(batch.lastMilliseconds)
        renumbered.renumbering = batch.renumbering.map { $0.followed(by: self) } ?? self
        return renumbered
    }

    func apply(to range: LostRange) -> LostRange {
        var renumbered = range
        renumbered.first = max(1, range.first - shift)
        renumbered.last = range.last - shift
        renumbered.milliseconds = milliseconds(range.milliseconds)
        return renumbered
    }
}
