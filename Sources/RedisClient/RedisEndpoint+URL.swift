extension RedisEndpoint {
    /// Reads `redis://[user[:password]@]host[:port][/database]`, `rediss://...` (TLS with the system's roots), `unix:///path` or `unix:/path`;
    /// for a master behind Sentinels `redis+sentinel://[user:password@]host[:port],host[:port]../master[/database]`, or `rediss+sentinel://`.
    ///
    /// The port is 6379 unless given, a Sentinel's 26379; `redis://:password@host` logs in as the default user; user and password may be percent-encoded; IPv6
    /// addresses stand in brackets. Throws `.usage` naming the part that is wrong, never the text of it: it may hold a password.
    public init(url: String) throws(RedisError) {
        if let rest = url.dropping(prefix: "redis://") {
            try self.init(authorityAndPath: rest, tls: nil)
        } else if let rest = url.dropping(prefix: "rediss://") {
            try self.init(authorityAndPath: rest, tls: TLS())
        } else if let rest = url.dropping(prefix: "redis+sentinel://") {
            try self.init(sentinels: rest, tls: nil)
        } else if let rest = url.dropping(prefix: "rediss+sentinel://") {
            try self.init(sentinels: rest, tls: TLS())
        } else if let rest = url.dropping(prefix: "unix://") ?? url.dropping(prefix: "unix:") {
            self.init(address: .unix(path: try Self.socketPath(rest)))
        } else {
            throw Self.malformed("it begins with none of redis://, rediss://, redis+sentinel://, rediss+sentinel://, unix:")
        }
    }

    private init(authorityAndPath text: Substring, tls: TLS?) throws(RedisError) {
        let (login, place) = try Self.loginAndPlace(text)
        let parts = place.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let (host, port) = try Self.hostAndPort(parts[0], usualPort: 6379)
        self.init(address: .tcp(host: host, port: port), tls: tls)
        (username, password) = try login.map { login throws(RedisError) in try Self.userAndPassword(login) } ?? (nil, nil)
        if parts.count == 2, !parts[1].isEmpty { database = try Self.databaseNumber(parts[1]) }
    }

    private init(sentinels text: Substring, tls: TLS?) throws(RedisError) {
        let (login, place) = try Self.loginAndPlace(text)
        let parts = place.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        var nodes: [RedisNode] = []
        for one in parts[0].split(separator: ",", omittingEmptySubsequences: false) {
            let (host, port) = try Self.hostAndPort(one, usualPort: 26_379)
            nodes.append(RedisNode(host: host, port: port))
        }
        guard nodes.count <= RedisSentinel.maximumNodes else {
            throw Self.malformed("it names more than \(RedisSentinel.maximumNodes) Sentinels")
        }
        guard parts.count > 1, !parts[1].isEmpty, parts[1].utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ",") }) else {
            throw Self.malformed("the master's name is missing behind the Sentinels (redis+sentinel://host:26379,host:26379/NAME)")
        }
        self.init(address: .sentinel(RedisSentinel(nodes: nodes, master: String(parts[1]))), tls: tls)
        (username, password) = try login.map { login throws(RedisError) in try Self.userAndPassword(login) } ?? (nil, nil)
        if parts.count == 3, !parts[2].isEmpty { database = try Self.databaseNumber(parts[2]) }
    }

    private static func loginAndPlace(_ text: Substring) throws(RedisError) -> (login: Substring?, place: Substring) {
        // The last @ ends the login: a password may hold one, a host may not.
        let afterLogin = text.lastIndex(of: "@")
        let place = afterLogin.map { text[text.index(after: $0)...] } ?? text
        guard !place.contains(where: { $0 == "?" || $0 == "#" }) else {
            throw malformed("it has a query or a fragment; only /database may follow the host")
        }
        return (afterLogin.map { text[..<$0] }, place)
    }

    private static func databaseNumber(_ text: Substring) throws(RedisError) -> Int {
        guard let database = Int(text), database >= 0 else { throw malformed("what follows the host is not the number of a database") }
        return database
    }

    private static func hostAndPort(_ text: Substring, usualPort: Int) throws(RedisError) -> (String, Int) {
        let host: Substring
        let rest: Substring
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { throw malformed("the bracket around the IPv6 address is not closed") }
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
        } else {
            let end = text.firstIndex(of: ":") ?? text.endIndex
            host = text[..<end]
            rest = text[end...]
        }
        guard !host.isEmpty else { throw malformed("the host is missing") }
        guard !rest.isEmpty else { return (String(host), usualPort) }
        guard rest.first == ":", let port = Int(rest.dropFirst()), (1...65_535).contains(port) else {
            throw malformed("the port is not a number from 1 to 65535")
        }
        return (String(host), port)
    }

    private static func userAndPassword(_ login: Substring) throws(RedisError) -> (String?, String?) {
        guard let colon = login.firstIndex(of: ":") else { throw malformed("it has a user but no password (user:password@host)") }
        let user = try percentDecoded(login[..<colon])
        let password = try percentDecoded(login[login.index(after: colon)...])
        guard !password.isEmpty else { throw malformed("the password is empty") }
        return (user.isEmpty ? nil : user, password)
    }

    private static func socketPath(_ text: Substring) throws(RedisError) -> String {
        guard text.first == "/" else { throw malformed("the path of the socket is not absolute (unix:/run/redis.sock)") }
        // sun_path holds 108 bytes with the terminating zero.
        guard text.utf8.count <= 107 else { throw malformed("the path of the socket is longer than 107 bytes, the system's limit") }
        guard !text.contains("?") else { throw malformed("it has a query; a socket's path stands alone") }
        return String(text)
    }

    private static func percentDecoded(_ text: Substring) throws(RedisError) -> String {
        var decoded: [UInt8] = []
        var bytes = text.utf8.makeIterator()
        while let byte = bytes.next() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            guard let high = bytes.next().flatMap(hexadecimal), let low = bytes.next().flatMap(hexadecimal) else {
                throw malformed("a % in user or password is not followed by two hexadecimal digits (write % itself as %25)")
            }
            decoded.append(high << 4 | low)
        }
        guard let text = String(validating: decoded, as: UTF8.self) else { throw malformed("user or password is not UTF-8") }
        return text
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        Character(UnicodeScalar(byte)).hexDigitValue.map { UInt8($0) }
    }

    private static func malformed(_ what: String) -> RedisError {
        RedisError(
            .usage,
            "this Redis URL cannot be used: \(what); write redis://[user:password@]host[:port][/database], rediss://... or unix:/path"
        )
    }
}

extension String {
    fileprivate func dropping(prefix: String) -> Substring? {
        hasPrefix(prefix) ? dropFirst(prefix.count) : nil
    }
}
