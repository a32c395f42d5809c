/// Looks up to four values of a JSON message without building a tree.
///
/// Make a scanner once per message shape and keep it: making one allocates, scanning does not. A scan stops when all values are
/// found, so what follows them is not looked at; values that are passed over on the way are only checked for balanced brackets and
/// well-formed strings. `strict` scanners read to the end and accept nothing but JSON (RFC 8259, at most 64 levels deep).
package struct FieldScanner: Sendable {
    package static let maximumFields = 4

    let program: ScanProgram

    package init(_ paths: FieldPath..., strict: Bool = false) {
        self.init(paths: paths, strict: strict)
    }

    package init(paths: [FieldPath], strict: Bool = false) {
        precondition(!paths.isEmpty && paths.count <= Self.maximumFields, "a scanner looks for one to four values, not \(paths.count)")
        self.program = ScanProgram(paths, strict: strict)
    }

    /// Scans one whole message. The ranges of the result count from its first byte.
    package func scan(_ message: UnsafeRawBufferPointer) -> FieldScan {
        guard let base = message.baseAddress else { return FieldScan(problem: .unexpectedEnd, at: 0) }
        var walk = ScanWalk(program: program, base: base, end: message.count)
        // The walk holds bare pointers into the program.
        return withExtendedLifetime(program) {
            walk.run()
            return walk.found
        }
    }
}

/// What a scan found. `scan[0]` is the value of the scanner's first path, nil where the message has none.
package struct FieldScan {
    /// Why the message is not JSON as far as it was read, or nil.
    package internal(set) var problem: ScanProblem?
    /// Where reading stopped: at the problem, or behind the last value that was needed.
    package internal(set) var position = 0
    var values: InlineArray<4, FieldValue> = .init(repeating: FieldValue())

    init() {}

    init(problem: ScanProblem, at position: Int) {
        self.problem = problem
        self.position = position
    }

    /// The value of path number `index`.
    package subscript(index: Int) -> FieldValue? {
        @inline(__always) get {
            let value = values[index]
            return value.kind == .absent ? nil : value
        }
    }

    /// The complaint about a malformed message, for people.
    package var complaint: String? {
        problem.map { "\($0.rawValue) at byte \(position)" }
    }
}

/// What is wrong with a message.
package enum ScanProblem: String, Sendable {
    case unexpectedEnd = "the message ends too early"
    case unexpectedByte = "unexpected character"
    case badString = "control character or wrong escape in a string"
    case badText = "a string is not UTF-8"
    case badNumber = "malformed number"
    case badLiteral = "malformed true, false or null"
    case tooDeep = "nested more than 64 levels deep"
    case trailingBytes = "something follows the end of the message"
}

/// One value of a message: its raw bytes are those of `range`, without the quotes of a string.
package struct FieldValue: Sendable, Equatable {
    package enum Kind: UInt8, Sendable {
        case absent, string, number, object, array, `true`, `false`, null

        /// The kind of a value that begins with `first`.
        @inline(__always)
        init?(first: UInt8) {
            switch first {
            case 0x22: self = .string
            case 0x7B: self = .object
            case 0x5B: self = .array
            case 0x74: self = .true
            case 0x66: self = .false
            case 0x6E: self = .null
            case 0x2D, 0x30...0x39: self = .number
            default: return nil
            }
        }
    }

    package internal(set) var start = 0
    package internal(set) var end = 0
    package internal(set) var kind = Kind.absent
    /// A string that holds backslash escapes: compare and copy it only decoded.
    package internal(set) var hasEscapes = false
    /// For a path with `.each`: the elements do not all have this value.
    package internal(set) var differs = false

    package var range: Range<Int> {
        @inline(__always) get { Range(uncheckedBounds: (start, end)) }
    }

    package var isString: Bool {
        @inline(__always) get { kind == .string }
    }
}
