/// One line of the truth log.
///
/// The log is a file of JSON lines. Every line has these members:
///
/// | member | meaning |
/// |---|---|
/// | `t` | kind, see below |
/// | `boot` | CLOCK_BOOTTIME in nanoseconds, comparable between all processes of a host |
/// | `wall` | milliseconds since 1970 |
///
/// and, by kind:
///
/// | `t` | further members |
/// |---|---|
/// | `start` | `seed`, `port`, `tls` (bool) |
/// | `refused` | `exchange`, `request` (path and query), `status` (HTTP), `reason` |
/// | `open` | `exchange`, `socket` (number, unique and increasing), `request`, `peer` (address and port of the client) |
/// | `subscribe`, `unsubscribe` | `exchange`, `socket`, `channel`, `symbol` (Colony's names), `key` (the exchange's own name of the topic) |
/// | `packet` | `exchange`, `socket`, `channel`, `symbol`, `n` (the number inside the payload, unique in this simulator and increasing per socket), `bytes`, `fnv` (64-bit FNV-1a as 16 hexadecimal digits); size and hash are those of the message as the client sees it after decompression. `again`: true on the second copy of a duplicated message. A recorded message (replay) has an empty channel and symbol. The line says that the message was given to the socket; what the client can have got is told by `flushed` of the `close` line |
/// | `answer` | `exchange`, `socket`, `bytes`, `fnv`: a message that is no data (greeting, acknowledgement, heartbeat, notice). With the `packet` lines these are all messages of a socket, in the order of sending |
/// | `raw` | `exchange`, `socket`, `bytes`: bytes that are no message, sent on command |
/// | `withheld` | as `packet`, for a message whose number was spent but that was not sent (sequence hole) |
/// | `source` | `exchange`, `socket`, `first`, `last` (numbers), `packets`: what a benchmark source sent, written when the socket closes |
/// | `fault` | `exchange` (`*`: all), `fault` (the command) |
/// | `close` | `exchange`, `socket`, `cause` (`client`, `rule`, `fault`, `violation`, `stop`, `transport`), `reason`, `code` (of the close frame; 0: none), `packets` (sent), `flushed` (number of the last data message known to be with the kernel), `closing` (boot time of the first close frame, either way; 0: none). Written when the TCP connection is gone |
/// | `summary` | `exchange`, `sockets` (opened), `mostOpen` (at once, exact), `refused`, `packets`, `bytes`, `cuts` (closed by rule); one per exchange at the end |
package struct TruthRecord: Sendable, Equatable {
    package enum Kind: String, Sendable {
        case start, refused, open, subscribe, unsubscribe, packet, answer, raw, withheld, source, fault, close, summary
    }

    package enum Value: Sendable, Equatable {
        case number(Int64)
        case unsigned(UInt64)
        case text(String)
        case flag(Bool)
    }

    package var kind: Kind
    package var boot: Int64
    package var wall: Int64
    package var exchange: String
    package var socket: UInt64
    package var fields: [(name: String, value: Value)]

    package static func == (left: TruthRecord, right: TruthRecord) -> Bool { left.line == right.line }

    package subscript(name: String) -> Value? { fields.first { $0.name == name }?.value }

    package func text(_ name: String) -> String? {
        if case .text(let text) = self[name] { text } else { nil }
    }

    package func number(_ name: String) -> UInt64? {
        switch self[name] {
        case .number(let value): UInt64(exactly: value)
        case .unsigned(let value): value
        case .text, .flag, nil: nil
        }
    }

    /// The record as one line of JSON, without the line break.
    package var line: String {
        var text = #"{"t":"\#(kind.rawValue)","boot":\#(boot),"wall":\#(wall)"#
        if !exchange.isEmpty { text += #","exchange":\#(JSONValue.quoted(exchange))"# }
        if socket != 0 { text += #","socket":\#(socket)"# }
        for (name, value) in fields {
            switch value {
            case .number(let number): text += #","\#(name)":\#(number)"#
            case .unsigned(let number): text += #","\#(name)":\#(number)"#
            case .text(let string): text += #","\#(name)":\#(JSONValue.quoted(string))"#
            case .flag(let flag): text += #","\#(name)":\#(flag)"#
            }
        }
        return text + "}"
    }
}

/// The totals of one exchange.
package struct TruthSummary: Sendable, Equatable {
    package var exchange: String
    package var socketsOpened = 0
    package var openNow = 0
    /// Most sockets open at the same time.
    package var mostOpen = 0
    package var refused = 0
    package var packets: UInt64 = 0
    /// Payload bytes of the packets, after decompression.
    package var bytes: UInt64 = 0
    /// Sockets cut because a rule was broken.
    package var cuts = 0

    package init(exchange: String) { self.exchange = exchange }
}
