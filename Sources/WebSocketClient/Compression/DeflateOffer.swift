/// What a client offers of permessage-deflate (RFC 7692 section 7.1).
public struct DeflateOffer: Sendable, Hashable {
    /// Ask the server to start every message afresh: less memory here, larger messages.
    public var serverNoContextTakeover = false
    /// Say that we shall start every message afresh.
    public var clientNoContextTakeover = false
    /// The largest window the server may use, 8...15 bits; nil leaves it to the server.
    public var serverMaxWindowBits: Int?
    /// The largest window we shall use, 8...15 bits, which also allows the server to ask for less; 15 offers it without a number.
    public var clientMaxWindowBits = 15

    public init() {}

    /// The value of Sec-WebSocket-Extensions.
    var headerValue: String {
        var parts = ["permessage-deflate"]
        if serverNoContextTakeover { parts.append("server_no_context_takeover") }
        if clientNoContextTakeover { parts.append("client_no_context_takeover") }
        if let bits = serverMaxWindowBits { parts.append("server_max_window_bits=\(bits)") }
        parts.append(clientMaxWindowBits == 15 ? "client_max_window_bits" : "client_max_window_bits=\(clientMaxWindowBits)")
        return parts.joined(separator: "; ")
    }
}

/// What the server agreed to.
struct DeflateAgreement: Equatable, Sendable {
    var serverKeepsContext = true
    var clientKeepsContext = true
    var serverWindowBits = 15
    var clientWindowBits = 15

    /// Reads the server's answer to `offer`; an answer that the offer does not allow is an error, as RFC 7692 demands.
    init(answer: WebSocketExtension, to offer: DeflateOffer) throws(ExtensionError) {
        clientKeepsContext = !offer.clientNoContextTakeover
        clientWindowBits = offer.clientMaxWindowBits
        var seen: Set<String> = []
        for (name, value) in answer.parameters {
            guard seen.insert(name).inserted else { throw ExtensionError("permessage-deflate parameter \(name) twice") }
            switch name {
            case "server_no_context_takeover":
                guard value == nil else { throw ExtensionError("permessage-deflate parameter \(name) with a value") }
                serverKeepsContext = false
            case "client_no_context_takeover":
                guard value == nil else { throw ExtensionError("permessage-deflate parameter \(name) with a value") }
                clientKeepsContext = false
            case "server_max_window_bits":
                serverWindowBits = try Self.bits(name, value, atMost: offer.serverMaxWindowBits ?? 15)
            case "client_max_window_bits":
                clientWindowBits = try Self.bits(name, value, atMost: offer.clientMaxWindowBits)
            default:
                throw ExtensionError("unknown permessage-deflate parameter \(name)")
            }
        }
        if offer.serverNoContextTakeover, serverKeepsContext {
            throw ExtensionError("permessage-deflate agreed to without the server_no_context_takeover asked for")
        }
        if let asked = offer.serverMaxWindowBits, asked < 15, !seen.contains("server_max_window_bits") {
            throw ExtensionError("permessage-deflate agreed to without the server_max_window_bits asked for")
        }
    }

    private static func bits(_ name: String, _ value: String?, atMost limit: Int) throws(ExtensionError) -> Int {
        guard let value, let bits = Int(value), (8...15).contains(bits), "\(bits)" == value else {
            throw ExtensionError("permessage-deflate parameter \(name) must be 8...15, not \(value ?? "empty")")
        }
        guard bits <= limit else {
            throw ExtensionError("permessage-deflate parameter \(name) is \(bits), but \(limit) was the most offered")
        }
        return bits
    }

    func makeInflation() throws(CompressionError) -> Inflation {
        // A window of 8 bits agreed on may be 9 in truth: that is what zlib makes of it on the server's side.
        Inflation(inflater: try Inflater(.raw, windowBits: max(serverWindowBits, 9)), keepsContext: serverKeepsContext)
    }

    /// A window of 12 bits is plenty for what a client asks of an exchange, and takes 32 KiB instead of 256.
    func makeDeflation() throws(CompressionError) -> Deflation {
        Deflation(deflater: try Deflater(.raw, windowBits: min(clientWindowBits, 12), memoryLevel: 5), keepsContext: clientKeepsContext)
    }
}

/// How our messages are deflated.
struct Deflation {
    var deflater: Deflater
    /// False when every message starts afresh.
    var keepsContext: Bool
}
