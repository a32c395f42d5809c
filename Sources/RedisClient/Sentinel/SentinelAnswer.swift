/// What a Sentinel says when it is asked for the master.
package enum SentinelAnswer: Sendable {
    case master(RedisNode)
    /// It answers, and watches no master of that name.
    case unknownName
    /// It did not answer, refused, or what it said is no address.
    case failed(RedisError)

    /// Of `SENTINEL GET-MASTER-ADDR-BY-NAME`: host and port, or nil. Nothing of it is believed further than a connection attempt goes.
    package init(_ reply: Result<RedisValue, RedisError>, from sentinel: RedisEndpoint) {
        switch reply {
        case .failure(let error): self = .failed(error)
        case .success(.null): self = .unknownName
        case .success(let value):
            guard let parts = value.array, parts.count == 2, let host = parts[0].string, let port = parts[1].string else {
                self = .failed(Self.nonsense(sentinel, "it is no pair of host and port"))
                return
            }
            guard let node = RedisNode(host: host, portText: port) else {
                self = .failed(Self.nonsense(sentinel, "host or port is impossible"))
                return
            }
            self = .master(node)
        }
    }

    private static func nonsense(_ sentinel: RedisEndpoint, _ what: String) -> RedisError {
        RedisError(
            .protocolViolation,
            "\(sentinel) was asked for a master's address and its answer is none: \(what); is a Sentinel there (port 26379)?")
    }
}

extension RedisNode {
    /// Nil for what can be no address: an empty or overlong host, characters that stand in no name, a port outside 1..65535.
    package init?(host: String, portText: String) {
        let isAllowed: (UInt8) -> Bool = { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "%"):
                true
            default: false
            }
        }
        guard (1...253).contains(host.utf8.count), host.utf8.allSatisfy(isAllowed),
            (1...5).contains(portText.utf8.count), portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(portText), (1...65_535).contains(port)
        else { return nil }
        self.init(host: host, port: port)
    }
}

/// A message of the channel `+switch-master`.
package struct MasterSwitch: Sendable, Equatable {
    package var master: String
    package var old: RedisNode
    package var new: RedisNode

    /// `<master> <old host> <old port> <new host> <new port>`; nil for anything else.
    package init?(_ text: String) {
        guard text.utf8.count <= 1024 else { return nil }
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard words.count == 5, let old = RedisNode(host: words[1], portText: words[2]),
            let new = RedisNode(host: words[3], portText: words[4])
        else { return nil }
        self.master = words[0]
        self.old = old
        self.new = new
    }
}
