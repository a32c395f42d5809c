internal import NIOCore

/// The request that asks for a websocket (RFC 6455 section 4.1).
struct UpgradeRequest {
    /// Sixteen random bytes in base64.
    var key: String
    var bytes: ByteBuffer
    /// Host, User-Agent and the configured fields, each line with its end: what a REST call to the same place says as well.
    var commonFields: String

    /// Headers that are ours to write.
    private static let reserved = [
        "upgrade", "connection", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "content-length",
        "transfer-encoding",
    ]
    /// Headers that may be given more than once.
    private static let repeatable = ["cookie", "sec-websocket-protocol"]

    /// - Throws: `.badURL` for headers that cannot be sent.
    init(
        _ url: WebSocketURL,
        headers: [(name: String, value: String)],
        offer: DeflateOffer?,
        random: inout some RandomNumberGenerator
    ) throws(WebSocketConnectError) {
        var seen: Set<String> = []
        var lines = ""
        var host = url.hostHeader
        // Gateways in front of exchanges turn clients without a name away.
        var agent = "colony"
        for (name, value) in headers {
            let lower = name.lowercased()
            guard HTTPText.isToken(name), HTTPText.isFieldValue(value) else {
                throw WebSocketConnectError(
                    .badURL, "The header \"\(HTTPText.excerpt(name.utf8, limit: 100))\" for \(url.host) has characters HTTP does not allow")
            }
            guard !Self.reserved.contains(lower) else {
                throw WebSocketConnectError(.badURL, "The header \(name) for \(url.host) is written by the websocket itself; leave it out")
            }
            guard seen.insert(lower).inserted || Self.repeatable.contains(lower) else {
                throw WebSocketConnectError(.badURL, "The header \(name) for \(url.host) is given twice")
            }
            switch lower {
            case "host": host = value
            case "user-agent": agent = value
            default: lines += "\(name): \(value)\r\n"
            }
        }
        let nonce = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        key = Base64.encode(nonce)
        commonFields = "Host: \(host)\r\nUser-Agent: \(agent)\r\n\(lines)"
        var text = "GET \(url.requestTarget) HTTP/1.1\r\n\(commonFields)Upgrade: websocket\r\nConnection: Upgrade\r\n"
        text += "Sec-WebSocket-Key: \(key)\r\nSec-WebSocket-Version: 13\r\n"
        if let offer { text += "Sec-WebSocket-Extensions: \(offer.headerValue)\r\n" }
        bytes = ByteBuffer(string: text + "\r\n")
    }

    /// The Sec-WebSocket-Accept that answers `key`.
    static func accept(for key: String) -> String {
        Base64.encode(SHA1.hash(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
    }
}
