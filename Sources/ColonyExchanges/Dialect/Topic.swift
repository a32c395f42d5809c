/// One thing a user can subscribe to: a channel and a symbol of an exchange.
///
/// The two strings are those of the data stream's key, `<namespace>:{<group>}:<channel>:<symbol>`. `channel` is Colony's word
/// (`trade`, `ticker`, `bbo`, `book`, `book_snapshot`, `candle.1m`, or the exchange's own name for anything else, in the
/// character set `[a-z0-9_.-]`); `symbol` is written as the exchange writes it in its pushes (`BTCUSDT`, `btcusdt`, `BTC/USD`).
public struct Topic: Hashable, Sendable, Comparable, CustomStringConvertible {
    public var channel: String
    public var symbol: String

    public init(channel: String, symbol: String) {
        self.channel = channel
        self.symbol = symbol
    }

    /// The symbol of packets of one channel that speak of several symbols.
    public static let allSymbols = "_all"

    public var description: String { "\(channel) \(symbol)" }

    public static func < (left: Topic, right: Topic) -> Bool {
        (left.channel, left.symbol) < (right.channel, right.symbol)
    }
}
