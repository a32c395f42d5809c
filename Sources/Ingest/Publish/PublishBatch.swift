import Coordination
package import NIOCore

/// Consecutive packets of one feed and epoch, encoded as the arguments of one `publish` call.
///
/// The payload is copied once, from the websocket's read buffer into `body`; the body is written to Redis as it is, kept until it is durable,
/// and written again unchanged where that is needed.
package struct PublishBatch {
    package internal(set) var first: Int
    package internal(set) var count = 0
    /// Five bulk strings a packet: stream number, id, time, prev, data.
    package internal(set) var body: ByteBuffer
    /// Slots of the data streams in the order of their numbers in this batch (1, 2, ...).
    package internal(set) var streams: [Int] = []
    /// Id times of the first and the last packet.
    package internal(set) var firstMilliseconds: Int64 = 0
    package internal(set) var lastMilliseconds: Int64 = 0
    /// Local time of the first packet, nanoseconds.
    package internal(set) var startedAt: Int64 = 0
    /// Local time of the acknowledgement, nanoseconds.
    package internal(set) var acknowledgedAt: Int64 = 0
    /// Bytes of all batches of the feed up to and with this one.
    var endOffset = 0
    /// Grows from batch to batch of a feed, over epochs too.
    var number: UInt64 = 0
    /// Where a copy lies on disk, or is being written to.
    var place: SpillPlace?
    var isBeingWritten = false

    init(first: Int, body: ByteBuffer) {
        self.first = first
        self.body = body
    }

    package var last: Int { first + count - 1 }
    package var bytes: Int { body.readableBytes }
}

/// Packets that were received and are stored nowhere: announced in their place by `lost`.
package struct LostRange: Equatable, Sendable {
    package internal(set) var first: Int
    package internal(set) var last: Int
    package internal(set) var milliseconds: Int64
    package internal(set) var reason: String
    var endOffset = 0
    /// That of the last batch that was in its place.
    var number: UInt64 = 0

    /// One hole of this and the one right behind it.
    func joined(with behind: LostRange) -> LostRange {
        var range = behind
        range.first = first
        if !reason.contains(behind.reason) { range.reason = "\(reason); \(behind.reason)" } else { range.reason = reason }
        return range
    }
}
