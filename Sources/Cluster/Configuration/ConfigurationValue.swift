import Glibc
import WebSocketClient

/// Reads settings from text; throws what is wrong with it.
enum Value {
    static func bool(_ text: String) throws -> Bool {
        switch text.lowercased() {
        case "true", "on", "yes": return true
        case "false", "off", "no": return false
        default: throw ConfigurationComplaint("is neither true nor false")
        }
    }

    /// `host:port`, an IPv6 address in brackets; nil for `off`.
    static func listen(_ text: String) throws -> ColonyConfiguration.Dashboard.Listen? {
        if text == "off" { return nil }
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port),
            colon != text.startIndex
        else { throw ConfigurationComplaint("is neither host:port nor off") }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return ColonyConfiguration.Dashboard.Listen(host: String(host), port: port)
    }

    static func integer(_ text: String, _ range: ClosedRange<Int>) throws -> Int {
        guard let number = Int(text.replacing("_", with: "")), range.contains(number) else {
            throw ConfigurationComplaint("is not a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    static func word(_ text: String) throws -> String {
        guard !text.isEmpty, text.utf8.allSatisfy({ ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 95 || $0 == 45 }) else {
            throw ConfigurationComplaint("is not made of a-z 0-9 _ -")
        }
        return text
    }

    /// A number and its unit: `ms s m h d`; a bare 0 needs none.
    static func duration(_ text: String) throws -> Duration {
        let units: [(String, Duration)] = [
            ("ms", .milliseconds(1)), ("us", .microseconds(1)), ("s", .seconds(1)), ("m", .seconds(60)), ("h", .seconds(3600)),
            ("d", .seconds(86_400)),
        ]
        if text == "0" { return .zero }
        for (suffix, unit) in units where text.hasSuffix(suffix) {
            if let number = Double(text.dropLast(suffix.count)), number >= 0, number < 1e9 { return unit * number }
        }
        throw ConfigurationComplaint("is not a duration such as 500ms, 10s, 5m, 24h")
    }

    static func duration(_ text: String, _ range: ClosedRange<Duration>) throws -> Duration {
        let duration = try duration(text)
        guard range.contains(duration) else { throw ConfigurationComplaint("is outside \(range.lowerBound)..\(range.upperBound)") }
        return duration
    }

    /// `1s...5s`, or one duration for both ends.
    static func range(_ text: String) throws -> ClosedRange<Duration> {
        guard let dots = text.firstRange(of: "...") else {
            let both = try duration(text)
            return both...both
        }
        let low = try duration(String(text[..<dots.lowerBound]))
        let high = try duration(String(text[dots.upperBound...]))
        guard low <= high else { throw ConfigurationComplaint("begins above its end") }
        return low...high
    }

    /// Bytes, or with `KB MB GB` (powers of 1,024).
    static func bytes(_ text: String, _ range: ClosedRange<Int>) throws -> Int {
        let units = [("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30)]
        var number: Int?
        for (suffix, unit) in units where text.uppercased().hasSuffix(suffix) { number = Int(text.dropLast(2)).map { $0 * unit } }
        guard let bytes = number ?? Int(text), range.contains(bytes) else {
            throw ConfigurationComplaint(
                "is not a size such as 512KB, 64MB, 1GB, or outside \(range.lowerBound)..\(range.upperBound) bytes")
        }
        return bytes
    }

    static func url(_ text: String) throws -> String {
        for scheme in ["ws://", "wss://", "http://", "https://"] where text.hasPrefix(scheme) {
            guard text.count > scheme.count else { break }
            return text
        }
        throw ConfigurationComplaint("is not a ws:// or wss:// URL")
    }

    static func secret(file: String) throws -> String { String(try text(ofFile: file).prefix { !$0.isNewline }) }

    static func text(ofFile path: String) throws -> String {
        guard let stream = fopen(path, "r") else { throw ConfigurationComplaint("cannot be read (\(String(cString: strerror(errno))))") }
        defer { fclose(stream) }
        var text: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while text.count < 16 << 20 {
            let count = fread(&bytes, 1, bytes.count, stream)
            if count == 0 { break }
            text += bytes.prefix(count)
        }
        guard ferror(stream) == 0 else { throw ConfigurationComplaint("cannot be read (is it a directory?)") }
        return String(decoding: text, as: UTF8.self)
    }

    static func proxy(_ text: String) throws -> WebSocketConfiguration.Proxy {
        guard let mark = text.firstRange(of: "://") else {
            throw ConfigurationComplaint("has no scheme; http://, https:// and socks5:// exist")
        }
        let scheme = text[..<mark.lowerBound]
        var rest = text[mark.upperBound...]
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        var login: WebSocketConfiguration.Login?
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw ConfigurationComplaint("has a login without password") }
            login = .init(user: percentDecoded(parts[0]), password: percentDecoded(parts[1]))
            rest = rest[rest.index(after: at)...]
        }
        guard let colon = rest.lastIndex(of: ":"), let port = Int(rest[rest.index(after: colon)...]), (1...65_535).contains(port),
            colon != rest.startIndex
        else { throw ConfigurationComplaint("has no port; write http://host:port") }
        let host = String(rest[..<colon])
        switch scheme {
        case "http": return .http(host: host, port: port, login: login, tls: false)
        case "https": return .http(host: host, port: port, login: login, tls: true)
        case "socks5": return .socks5(host: host, port: port, login: login)
        default: throw ConfigurationComplaint("has the scheme '\(scheme)'; http, https and socks5 exist")
        }
    }

    private static func percentDecoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let value = UInt8(String(Substring(rest.prefix(2))), radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
