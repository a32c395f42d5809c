/// All exchanges the simulator can be.
package enum ServerDialects {
    package static let all: [any ServerDialect] = [
        BinanceServer(listings: upper("", ["USDT"])),
        HuobiServer(exchange: "huobi", path: "/ws", listings: lower("", ["usdt"])),
        HuobiServer(exchange: "huobi_futures", path: "/ws", listings: bases.flatMap { ["\($0)_CW", "\($0)_NW", "\($0)_CQ", "\($0)_NQ"] }),
        HuobiServer(exchange: "huobi_swap", path: "/swap-ws", listings: upper("-", ["USD"])),
        HuobiServer(exchange: "huobi_uswap", path: "/linear-swap-ws", listings: upper("-", ["USDT"])),
        KrakenServer(listings: upper("/", ["USD", "EUR", "USDT"])),
    ]

    private static let bases = ["BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC", "DOT", "LINK", "AVAX", "BCH", "TRX"]

    private static func upper(_ separator: String, _ quotes: [String]) -> [String] {
        bases.flatMap { base in quotes.map { base + separator + $0 } }
    }

    private static func lower(_ separator: String, _ quotes: [String]) -> [String] { upper(separator, quotes).map { $0.lowercased() } }
}
