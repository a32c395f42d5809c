internal import NIOCore

/// Where an attempt to connect stands, as its errors name it.
enum ConnectStage: String, Sendable {
    case resolve = "name resolution"
    case tcp = "TCP"
    case proxy = "the proxy's dialogue"
    case proxyTLS = "TLS with the proxy"
    case tls = "TLS"
    case upgrade = "the websocket upgrade"
}

/// A configuration made ready: everything that can be wrong about it is found before a socket is opened.
struct ConnectPlan {
    /// Whether any of the connection is TLS.
    var needsTLS: Bool
    var url: WebSocketURL
    var request: UpgradeRequest
    var offer: DeflateOffer?
    var protocols: [String]
    /// Where the TCP connection goes.
    var dial: (host: String, port: Int)
    /// Where the proxy, if there is one, is to connect.
    var target: (host: String, port: Int)
    /// For SNI and verification; nil for a literal address, which is verified as an address.
    var serverName: String?
    /// Scheme, host and port, without path and query, which may hold secrets.
    var name: String

    init(_ configuration: WebSocketConfiguration, random: inout some RandomNumberGenerator) throws(WebSocketConnectError) {
        url = try WebSocketURL(configuration.url)
        name = "\(url.isSecure ? "wss" : "ws")://\(WebSocketURL.bracketed(url.host)):\(url.port)"
        offer = configuration.offersDeflate ? configuration.deflateOffer : nil
        request = try UpgradeRequest(url, headers: configuration.headers, offer: offer, random: &random)
        protocols = configuration.headers.filter { $0.name.lowercased() == "sec-websocket-protocol" }.flatMap {
            HTTPText.elements($0.value)
        }
        target = configuration.address ?? (url.host, url.port)
        needsTLS = url.isSecure
        switch configuration.proxy {
        case .http(let host, let port, let login, let tls):
            needsTLS = needsTLS || tls
            guard login?.user.utf8.contains(UInt8(ascii: ":")) != true else {
                throw WebSocketConnectError(
                    .proxy, "The user name for the proxy \(host):\(port) has a colon, which Basic logins cannot carry")
            }
            dial = (host, port)
        case .socks5(let host, let port, _): dial = (host, port)
        case nil: dial = target
        }
        guard (1...65535).contains(dial.port), (1...65535).contains(target.port) else {
            throw WebSocketConnectError(.badURL, "\(name) is to be reached over port \(dial.port), but ports are 1 to 65535")
        }
        serverName = configuration.serverName ?? url.host
        if let name = serverName, IPAddress.isLiteral(name) {
            guard configuration.proxy == nil || !url.isSecure || configuration.roots == .insecure else {
                throw WebSocketConnectError(
                    .badURL,
                    "\(self.name): a certificate for a bare address cannot be verified through a proxy; use a host name or set the server name"
                )
            }
            serverName = nil
        } else if serverName?.hasSuffix(".") == true {
            serverName?.removeLast()
        }
    }
}
