import Glibc
import Terminal

/// The terminal: plain lines to standard output, errors to standard error, colour only where a person looks and wants it.
enum Console {
    /// Where a live picture is shown; what is printed meanwhile stands above it.
    static let screen = TerminalScreen { write($0) }

    static func print(_ text: String) {
        isTerminal ? screen.print(text) : write(text + "\n")
    }

    static func error(_ text: String) {
        errorLine(text + "\n")
    }

    /// For standard error; on a terminal that also shows a live picture, above that.
    static func errorLine(_ text: String) {
        isTerminal && isatty(STDERR_FILENO) == 1 ? screen.print(text) : write(text, to: STDERR_FILENO)
    }

    /// Without a newline; for redrawing.
    static func write(_ text: String) {
        write(text, to: STDOUT_FILENO)
    }

    /// Whole, also into a pipe that takes it in parts; a reader that went away ends the process quietly, as with any filter.
    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                bytes = bytes.dropFirst(written)
            } else if errno == EPIPE {
                exit(0)
            } else if errno != EINTR && errno != EAGAIN {
                return
            }
        }
    }

    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
    static var usesColour: Bool { isTerminal && getenv("NO_COLOR") == nil && String(cString: getenv("TERM") ?? strdup("")) != "dumb" }

    enum Colour: String {
        case green = "32"
        case dim = "2"
        case bold = "1"
    }

    static func colour(_ text: String, _ colour: Colour) -> String { usesColour ? "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m" : text }
}

/// Columns padded to their widest cell.
struct TextTable {
    private var rows: [[String]] = []
    private let rightAligned: Set<Int>

    init(_ header: [String], rightAligned: Set<Int> = []) {
        rows = [header]
        self.rightAligned = rightAligned
    }

    mutating func add(_ row: [String]) { rows.append(row) }

    var text: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                if rightAligned.contains(column) { return padding + cell }
                return column == row.count - 1 ? cell : cell + padding
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}

/// Log lines on standard error, each whole.
struct LogStream: TextOutputStream, Sendable {
    mutating func write(_ string: String) { Console.errorLine(string) }
}
