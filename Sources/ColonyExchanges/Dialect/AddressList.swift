/// A list of names in the query of a websocket's address (`?streams=a/b`), which the exchange subscribes as the websocket opens: one round trip
/// earlier than a message could ask.
struct AddressList: Sendable {
    /// The name of the query's item.
    var item: String
    var separator: Character
    /// The end of the path at which the exchange looks at the item.
    var path: String

    /// Whole addresses are no longer than this, in bytes. HTTP servers usually take 8 KiB for a request's first line, and clients have measured
    /// 8,004 characters at Binance (unicorn-binance-websocket-api, issue 17); what stands in between may take less.
    static let maxBytes = 4096

    /// The address of `profile` with as many of `topics` as fit, in their order; the others are left to messages.
    ///
    /// `name` gives the exchange's name of a topic, nil where it has none. A name that holds the separator would be two names to the exchange,
    /// however it is encoded; it is left to messages too. So is everything where the configured address has another path, or a list of its own.
    func plan(_ profile: ExchangeProfile, _ topics: [Topic], name: (Topic) -> String?) -> ConnectionPlan {
        let url = profile.url
        guard profile.limits.topicsInAddress > 0, isTaken(by: url) else { return .url(url) }
        var address = url + (url.contains("?") ? "&" : "?") + item + "="
        var length = address.utf8.count
        var asked: [Topic] = []
        for topic in topics {
            guard asked.count < profile.limits.topicsInAddress else { break }
            guard let name = name(topic), !name.isEmpty, !name.contains(separator) else { continue }
            let text = (asked.isEmpty ? "" : String(separator)) + Self.encoded(name)
            guard length + text.utf8.count <= Self.maxBytes else { break }
            address += text
            length += text.utf8.count
            asked.append(topic)
        }
        return asked.isEmpty ? .url(url) : .url(address, asking: asked)
    }

    private func isTaken(by url: String) -> Bool {
        let halves = url.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard halves[0].hasSuffix(path), !url.contains("#") else { return false }
        guard halves.count > 1 else { return true }
        return !halves[1].split(separator: "&").contains { $0.prefix { $0 != "=" } == item }
    }

    /// The name as part of a query's value: what has no meaning there stands as it is (RFC 3986: unreserved characters, and `!`, `:` and `@`, which
    /// exchanges' names are full of), all else as `%XX` of its UTF-8.
    static func encoded(_ name: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in name.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E, 0x21, 0x3A, 0x40: bytes.append(byte)
            default: bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
