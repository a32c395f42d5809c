/// The target of a request to the simulator: `/<exchange id>/<the exchange's own path>?<query>`.
package struct RequestTarget: Sendable {
    /// As it was sent.
    package var text: String
    /// First component, lower case; empty where there is none.
    package var exchange: String
    /// The rest with a leading slash, without the query.
    package var path: String
    /// The query's items, percent-decoded.
    package var query: [(name: String, value: String)]

    package init(_ text: String) {
        self.text = text
        let halves = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let components = (halves.first ?? "").dropFirst().split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        exchange = (components.first.map(String.init) ?? "").lowercased()
        path = "/" + (components.count > 1 ? Self.decode(components[1]) : "")
        query = (halves.count > 1 ? halves[1] : "").split(separator: "&").map { item in
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (Self.decode(pair[0]), pair.count > 1 ? Self.decode(pair[1]) : "")
        }
    }

    private static func decode(_ text: Substring) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
