/// One line of the control protocol.
///
/// The control socket (unix, or TCP on 127.0.0.1) takes one command per line and answers each with one line that begins with `ok` or `error`.
/// `X` is an exchange id or `*` for all of them. `socket=N` behind a fault brings it over one socket only. Durations are written `500ms`,
/// `2s`, `5m`.
///
/// | command | effect |
/// |---|---|
/// | `help` | the commands |
/// | `status` | `ok` and the number of open sockets per exchange |
/// | `sockets [X]` | `ok` and the open sockets as `number:exchange` |
/// | `mute X` | nothing is said any more; PING frames are answered |
/// | `half-open X` | neither read nor written any more, and not closed |
/// | `no-data X` | acknowledgements and heartbeats, but no data |
/// | `slow-handshake X 2s` | the upgrade's answer is held back |
/// | `refuse X 503 [10s]` | upgrades get this status, with Retry-After where given |
/// | `flap X 3s` | every socket is cut at that age |
/// | `heal X` | ends all of the above |
/// | `cut X close`, `end`, `reset` or `mid-frame` | cuts all open sockets at once |
/// | `garbage X text`, `utf8`, `frame` or `empty` | sends what the protocol does not allow |
/// | `oversize X 17000000` | sends a text message of so many bytes |
/// | `hole X 3` | withholds the next messages of every socket; their numbers are missing |
/// | `duplicate X 2` | sends the next messages of every socket twice |
/// | `push X 10` | sends so many data messages of every subscription now |
/// | `notice X` | announces a restart, where the exchange does |
package enum ControlCommand: Sendable, Equatable {
    case help
    case status
    case sockets(exchange: String)
    case fault(Fault, exchange: String, socket: UInt64?)

    /// Throws `.command` with what was expected.
    package init(parsing line: String) throws(SimulatorError) {
        var words = line.split(separator: " ").map(String.init)
        guard let verb = words.first else { throw SimulatorError(.command, "empty line; 'help' shows the commands") }
        words.removeFirst()
        switch verb {
        case "help": self = .help
        case "status": self = .status
        case "sockets": self = .sockets(exchange: words.first?.lowercased() ?? "*")
        default:
            var socket: UInt64?
            if let last = words.last, last.hasPrefix("socket=") {
                guard let number = UInt64(last.dropFirst("socket=".count)) else {
                    throw SimulatorError(.command, "'\(last)' is not socket=NUMBER")
                }
                socket = number
                words.removeLast()
            }
            guard let exchange = words.first else { throw SimulatorError(.command, "'\(verb)' needs an exchange id, or * for all") }
            self = .fault(try Self.fault(verb, Array(words.dropFirst())), exchange: exchange.lowercased(), socket: socket)
        }
    }

    private static func fault(_ verb: String, _ arguments: [String]) throws(SimulatorError) -> Fault {
        func expect(_ count: ClosedRange<Int>, _ usage: String) throws(SimulatorError) {
            guard count.contains(arguments.count) else { throw SimulatorError(.command, "expected '\(verb) X\(usage)'") }
        }
        func count() throws(SimulatorError) -> Int {
            try expect(1...1, " NUMBER")
            guard let value = Int(arguments[0]), value > 0 else {
                throw SimulatorError(.command, "'\(arguments[0])' is not a number of at least 1")
            }
            return value
        }
        switch verb {
        case "mute", "half-open", "no-data", "heal", "notice":
            try expect(0...0, "")
            return [.mute, .halfOpen, .withoutData, .heal, .notice][
                ["mute", "half-open", "no-data", "heal", "notice"].firstIndex(of: verb) ?? 0]
        case "slow-handshake":
            try expect(1...1, " DURATION")
            return .slowHandshake(try duration(arguments[0]))
        case "flap":
            try expect(1...1, " DURATION")
            return .flap(every: try duration(arguments[0]))
        case "refuse":
            try expect(1...2, " STATUS [RETRY-AFTER]")
            guard let status = Int(arguments[0]), (400...599).contains(status) else {
                throw SimulatorError(.command, "'\(arguments[0])' is not a status of 400 to 599")
            }
            return .refuse(status: status, retryAfter: arguments.count > 1 ? try duration(arguments[1]) : nil)
        case "cut":
            try expect(1...1, " " + Fault.CutKind.allCases.map(\.rawValue).joined(separator: "|"))
            guard let kind = Fault.CutKind(rawValue: arguments[0]) else {
                throw SimulatorError(
                    .command, "'\(arguments[0])' is none of \(Fault.CutKind.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            return .cut(kind)
        case "garbage":
            try expect(1...1, " " + Fault.GarbageKind.allCases.map(\.rawValue).joined(separator: "|"))
            guard let kind = Fault.GarbageKind(rawValue: arguments[0]) else {
                throw SimulatorError(
                    .command, "'\(arguments[0])' is none of \(Fault.GarbageKind.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            return .garbage(kind)
        case "oversize":
            let bytes = try count()
            guard bytes <= 256 << 20 else { throw SimulatorError(.command, "at most \(256 << 20) bytes") }
            return .oversize(bytes: bytes)
        case "hole": return .hole(count: try count())
        case "duplicate": return .duplicate(count: try count())
        case "push":
            let messages = try count()
            guard messages <= 10_000 else { throw SimulatorError(.command, "at most 10000 messages at once") }
            return .push(count: messages)
        default: throw SimulatorError(.command, "unknown command '\(verb)'; 'help' shows the commands")
        }
    }

    /// `500ms`, `2s`, `5m`.
    package static func duration(_ text: String) throws(SimulatorError) -> Duration {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let value = Int64(digits), value <= 1_000_000_000 else {
            throw SimulatorError(.command, "'\(text)' is not a duration like 500ms, 2s or 5m")
        }
        switch text.dropFirst(digits.count) {
        case "ms": return .milliseconds(value)
        case "s": return .seconds(value)
        case "m": return .seconds(value * 60)
        default: throw SimulatorError(.command, "'\(text)' is not a duration like 500ms, 2s or 5m")
        }
    }

    /// The answer to `help`.
    package static let summary =
        "status; sockets [X]; mute X; half-open X; no-data X; slow-handshake X DURATION; refuse X STATUS [RETRY-AFTER]; flap X DURATION; "
        + "heal X; cut X close|end|reset|mid-frame; garbage X text|utf8|frame|empty; oversize X BYTES; hole X N; duplicate X N; push X N; "
        + "notice X; X is an exchange id or *; durations and RETRY-AFTER like 500ms, 2s, 5m; a fault may end with socket=N"
}
