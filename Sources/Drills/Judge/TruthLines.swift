internal import Glibc

/// Reads the exchanges' record for what the timeline shows: sockets, and how many packets when. A line is looked at only as far as needed.
enum TruthLines {
    struct Line {
        var kind: Substring
        var boot: Int64
        var exchange: String
        var socket: UInt64
        /// Of the request that opened the socket, without its query.
        var path = ""
        /// Address and port of the client that opened it, as the truth writes them.
        var peer = ""
    }

    /// Calls `body` for each line about sockets and packets, in order. Throws when the file cannot be read.
    static func read(_ path: String, _ body: (Line) -> Void) throws {
        guard let file = fopen(path, "r") else {
            throw DrillError(.setup, "the exchanges' record \(path) cannot be read (\(String(cString: strerror(errno))))")
        }
        defer { fclose(file) }
        var buffer: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(buffer) }
        while true {
            let count = getline(&buffer, &capacity, file)
            guard count > 0, let buffer else { break }
            let bytes = UnsafeBufferPointer(start: buffer, count: count).map { UInt8(bitPattern: $0) }
            let text = String(decoding: bytes, as: UTF8.self)
            guard text.hasPrefix(#"{"t":""#) else { continue }
            let kind = text.dropFirst(6).prefix { $0 != "\"" }
            guard kind == "open" || kind == "close" || kind == "packet" else { continue }
            guard let boot = number(#""boot":"#, text) else { continue }
            body(
                Line(
                    kind: kind, boot: boot, exchange: word(#""exchange":""#, text),
                    socket: UInt64(number(#""socket":"#, text) ?? 0),
                    path: kind == "open" ? String(word(#""request":""#, text).prefix { $0 != "?" }) : "",
                    peer: kind == "open" ? word(#""peer":""#, text) : ""))
        }
    }

    private static func number(_ name: String, _ text: String) -> Int64? {
        guard let range = text.firstRange(of: name) else { return nil }
        return Int64(text[range.upperBound...].prefix { $0.isNumber })
    }

    private static func word(_ name: String, _ text: String) -> String {
        guard let range = text.firstRange(of: name) else { return "" }
        return String(text[range.upperBound...].prefix { $0 != "\"" })
    }
}
