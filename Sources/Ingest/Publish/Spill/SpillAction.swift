import NIOCore

/// What `PublishMachine` asks of the disk. The answers may come late, or after the batch has been given up: they are matched by its number.
package enum SpillAction: Sendable {
    /// Write the record at this place; answered by `spillWritten` or `spillWriteFailed`.
    case write(number: UInt64, SpillPlace, SpillRecord)
    /// Read it back; answered by `spillRead`.
    case read(number: UInt64, SpillPlace)
    /// Nothing in this segment is needed any more.
    case delete(segment: Int)
}

/// A batch whose packets lie on disk only.
struct SpilledBatch {
    /// Takes part in the bound of the ring: what one of these costs in memory, the deque's slack included.
    static let memory = 256

    var number: UInt64
    var first: Int
    var count: Int
    var bytes: Int
    var firstMilliseconds: Int64
    var lastMilliseconds: Int64
    var startedAt: Int64
    var acknowledgedAt: Int64
    var endOffset: Int
    var place: SpillPlace
    var isLoading = false
    /// Numbered anew since it was written.
    var renumbering: Renumbering?

    var last: Int { first + count - 1 }
}
