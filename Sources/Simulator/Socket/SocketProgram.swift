internal import NIOCore

/// What a socket plays instead of the made-up market: a recording, or a benchmark's source. Pure: the shell asks for the next item whenever
/// the peer takes more.
protocol SocketProgram {
    /// What a source has sent, for one line of the truth log; nil for recordings, whose messages have a line each.
    var sent: SourceTotals? { get }

    /// The client said its first word, or subscribed by its URL.
    mutating func began(now: NIODeadline)

    mutating func subscribed(_ subscription: Subscription, _ socket: SocketView)

    /// The next thing to send; nil: not yet (see `wakeUp`) or nothing more.
    mutating func next(now: NIODeadline, boot: Int64) -> ProgramItem?

    /// When to ask again; nil: when something changes.
    func wakeUp(now: NIODeadline) -> NIODeadline?
}

struct SourceTotals {
    var first: UInt64
    var last: UInt64
    var count: UInt64
}

enum ProgramItem {
    case recorded(RecordedMessage)
    /// One or more whole frames, encoded.
    case frames(ByteBuffer, last: UInt64)
    /// Nothing follows, and the socket is to be closed.
    case close
}

/// What happens after the last message.
package enum ProgramEnd: String, Sendable, CaseIterable {
    /// The socket stays open; heartbeats go on.
    case idle
    /// A close frame (1001).
    case close
    /// From the beginning.
    case loop
}
