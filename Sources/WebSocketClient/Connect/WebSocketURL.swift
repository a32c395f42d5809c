/// A `ws://` or `wss://` URL taken apart (RFC 6455 section 3). Path and query stay byte for byte what they were.
struct WebSocketURL: Equatable, Sendable {
    var isSecure: Bool
    /// Without brackets for an IPv6 literal.
    var host: String
    var port: Int
    /// Path and query, at least `/`.
    var requestTarget: String

    /// Whether one connection could serve both.
    func isSameServer(as other: WebSocketURL) -> Bool {
        isSecure == other.isSecure && port == other.port && HTTPText.equalIgnoringCase(host, other.host)
    }

    private var isDefaultPort: Bool { port == (isSecure ? 443 : 80) }

    /// Host as it stands in a header or a CONNECT line: IPv6 literals in brackets.
    static func bracketed(_ host: String) -> String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host }

    /// The value of the Host header: the port only where it is not the scheme's own.
    var hostHeader: String { isDefaultPort ? Self.bracketed(host) : "\(Self.bracketed(host)):\(port)" }

    init(_ text: String) throws(WebSocketConnectError) {
        func refuse(_ why: String) -> WebSocketConnectError {
            WebSocketConnectError(.badURL, "The websocket URL \"\(Self.redacted(text))\" is not usable: \(why)")
        }
        var rest = text.utf8[...]
        guard rest.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw refuse("it has blanks, control characters or letters outside ASCII; write hosts in punycode and percent-encode the rest")
        }
        if let secure = Self.strip("wss://", from: &rest) {
            isSecure = secure
        } else if Self.strip("ws://", from: &rest) != nil {
            isSecure = false
        } else {
            throw refuse("it does not begin with ws:// or wss://")
        }
        guard !rest.contains(UInt8(ascii: "#")) else { throw refuse("websocket URLs have no fragment; write # as %23") }
        let authorityEnd = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
        let authority = rest[..<authorityEnd]
        let target = String(decoding: rest[authorityEnd...], as: UTF8.self)
        requestTarget = target.hasPrefix("/") ? target : "/" + target
        guard !authority.contains(UInt8(ascii: "@")) else { throw refuse("it has a user name; logins belong into headers") }
        let hostEnd: Substring.UTF8View.Index
        if authority.first == UInt8(ascii: "[") {
            guard let close = authority.firstIndex(of: UInt8(ascii: "]")) else { throw refuse("the bracket around the host is not closed") }
            host = String(decoding: authority[authority.index(after: authority.startIndex)..<close], as: UTF8.self)
            guard IPAddress.isIPv6(host) else { throw refuse("\"\(host)\" is not an IPv6 address") }
            hostEnd = authority.index(after: close)
        } else {
            hostEnd = authority.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
            host = String(decoding: authority[..<hostEnd], as: UTF8.self)
            guard !host.isEmpty else { throw refuse("it has no host") }
            guard host.utf8.allSatisfy(Self.isHostByte), host.utf8.count <= 253 else { throw refuse("\"\(host)\" is not a host name") }
        }
        port = isSecure ? 443 : 80
        let portText = authority[hostEnd...]
        if !portText.isEmpty {
            guard portText.first == UInt8(ascii: ":"), portText.dropFirst().allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int(String(decoding: portText.dropFirst(), as: UTF8.self)), (1...65535).contains(number)
            else { throw refuse("the port must be 1 to 65535") }
            port = number
        }
    }

    /// The URL without user and query, which may hold secrets.
    static func redacted(_ text: String) -> String {
        let visible = text.utf8.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        let afterUser = visible.lastIndex(of: UInt8(ascii: "@")).map { visible[visible.index(after: $0)...] } ?? visible
        return HTTPText.excerpt(afterUser, limit: 200) + (visible.count < text.utf8.count ? "?..." : "")
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch HTTPText.lowercase(byte) {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Removes a scheme in any case.
    private static func strip(_ scheme: String, from text: inout Substring.UTF8View) -> Bool? {
        guard HTTPText.equalIgnoringCase(String(decoding: text.prefix(scheme.utf8.count), as: UTF8.self), scheme) else { return nil }
        text = text.dropFirst(scheme.utf8.count)
        return true
    }
}
