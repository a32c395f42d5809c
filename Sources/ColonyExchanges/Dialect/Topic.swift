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

    /// Whether a stream's key can hold the topic: 1 to 64 of the characters `[a-z0-9_.-]` for the channel, which is none of the words that
    /// name keys of another kind, and 1 to 256 bytes for the symbol. Names that come from a server must be asked.
    public var namesStream: Bool {
        (1...64).contains(channel.utf8.count) && channel.utf8.allSatisfy(Self.isChannelByte) && !Self.reservedChannels.contains(channel)
            && (1...256).contains(symbol.utf8.count)
    }

    private static let reservedChannels: Set<String> = ["lease", "disconnects", "feed", "streams", "events", "subscriptions", "wake"]

    static func isChannelByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x61...0x7A, 0x30...0x39, 0x5F, 0x2E, 0x2D: true
        default: false
        }
    }

    public var description: String { "\(channel) \(symbol)" }

    public static func < (left: Topic, right: Topic) -> Bool {
        (left.channel, left.symbol) < (right.channel, right.symbol)
    }
}
