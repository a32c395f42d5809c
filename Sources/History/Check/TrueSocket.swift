/// One websocket as the exchange saw it.
struct TrueSocket {
    var number: UInt64
    var exchange: String
    /// Address and port of the client.
    var peer: String
    var opened: Int64
    /// `.max`: still open when the recording ended.
    var closed = Int64.max
    /// When the first close frame was seen or sent; 0: never.
    var closing: Int64 = 0
    var cause = ""
    /// Data messages given to it.
    var packets = 0
    /// Bytes that were no message were sent: counting messages means nothing behind them.
    var hasRaw = false
    /// A benchmark source: its messages are not listed.
    var isSource = false
    /// Whose it was, when a worker's journal tells.
    var owner: SocketOwner?

    static func address(_ text: String) -> String {
        // `[IPv4]127.0.0.1:80`, `[IPv4]name/127.0.0.1:80`, `127.0.0.1:80`.
        var rest = text[...]
        if rest.hasPrefix("[IPv"), let end = rest.firstIndex(of: "]") { rest = rest[rest.index(after: end)...] }
        if let slash = rest.lastIndex(of: "/") { rest = rest[rest.index(after: slash)...] }
        return String(rest)
    }
}

/// One websocket as its worker saw it.
struct SocketOwner {
    var worker: String
    var feed: String
    var opened: Int64
    /// Epochs its packets were published under, in order.
    var epochs: [Int] = []
    /// Messages taken from it; nil when the worker did not live to tell.
    var messages: Int?
    /// When nothing was taken from it any more.
    var closing: Int64?
    var closed: Int64?
}
