/// What the control socket's `help` answers.
package enum ControlHelp {
    package struct Entry: Sendable, Equatable {
        package var verb: String
        /// What follows the exchange.
        package var arguments = ""
        package var effect: String

        package var usage: String { "\(verb) X" + (arguments.isEmpty ? "" : " \(arguments)") }
    }

    package static let standing: [Entry] = [
        Entry(verb: "mute", effect: "nothing is said any more: no data, acknowledgements or heartbeats; PING frames are answered"),
        Entry(verb: "half-open", effect: "neither read nor written any more, and not closed"),
        Entry(verb: "no-data", effect: "acknowledgements and heartbeats, but no data"),
        Entry(verb: "slow-handshake", arguments: "DURATION", effect: "the answer to the upgrade is held back for so long"),
        Entry(
            verb: "refuse", arguments: "STATUS [RETRY-AFTER]",
            effect: "upgrades get this HTTP status (400 to 599), with Retry-After where given; open sockets stay"),
        Entry(verb: "flap", arguments: "DURATION", effect: "every socket is cut at that age"),
    ]

    package static let single: [Entry] = [
        Entry(
            verb: "cut", arguments: "close|end|reset|mid-frame",
            effect: "all open sockets end at once: close frame, FIN, RST, RST in a frame"),
        Entry(
            verb: "garbage", arguments: "text|utf8|frame|empty",
            effect: "broken JSON, text that is not UTF-8, a frame with reserved bits, a message without a byte"),
        Entry(verb: "oversize", arguments: "BYTES", effect: "a text message of so many bytes"),
        Entry(verb: "hole", arguments: "N", effect: "the next N messages of every socket are withheld; their numbers are missing"),
        Entry(verb: "duplicate", arguments: "N", effect: "the next N messages of every socket are sent twice"),
        Entry(verb: "push", arguments: "N", effect: "N data messages of every subscription are sent now"),
        Entry(verb: "notice", effect: "a restart is announced, where the exchange does that"),
        Entry(verb: "heal", effect: "ends all standing faults"),
    ]

    static var faults: [Entry] { standing + single }

    /// Several lines; the last one begins with `ok`.
    package static var text: String {
        var lines = [
            " status: open sockets per exchange, and the faults that stand", " sockets [X]: the open sockets, as number:exchange",
            " These stand for open and later sockets until `heal X`:",
        ]
        lines += standing.map { "   \($0.usage): \($0.effect)" }
        lines.append(" These happen once, to every open socket:")
        lines += single.map { "   \($0.usage): \($0.effect)" }
        lines.append(
            "ok X is an exchange id or *; durations like 500ms, 2s, 5m; with socket=N behind it a fault comes over that socket only")
        return lines.joined(separator: "\n")
    }
}
