/// One line of the control protocol.
///
/// The control socket (unix, or TCP on 127.0.0.1) takes one command per line and answers each with one line that begins with `ok` or `error`;
/// before that of `help` there are lines that begin with a space. `ControlHelp` says what each command does.
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
            guard ControlHelp.faults.contains(where: { $0.verb == verb }) else { throw Self.unknown(verb) }
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
            guard bytes <= Fault.oversizeLimit else {
                throw SimulatorError(
                    .command, "at most \(Fault.oversizeLimit) bytes: the other exchanges would wait for more (a client takes 16777216)")
            }
            return .oversize(bytes: bytes)
        case "hole": return .hole(count: try count())
        case "duplicate": return .duplicate(count: try count())
        case "push":
            let messages = try count()
            guard messages <= 10_000 else { throw SimulatorError(.command, "at most 10000 messages at once") }
            return .push(count: messages)
        default: throw unknown(verb)
        }
    }

    private static func unknown(_ verb: String) -> SimulatorError {
        SimulatorError(.command, "unknown command '\(verb)'; 'help' shows the commands")
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
}
