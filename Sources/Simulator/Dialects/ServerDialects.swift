/// All exchanges the simulator can be.
package enum ServerDialects {
    package static let all: [any ServerDialect] = [
        BinanceServer(.spot, listings: upper("", ["USDT"])),
        BinanceServer(.usdm, listings: upper("", ["USDT"])),
        BinanceServer(.coinm, listings: bases.map { $0 + "USD_PERP" }),
        BinanceServer(.gemini, listings: lower("", ["usd"])),
        OKXServer(listings: bases.flatMap { ["\($0)-USDT", "\($0)-USDT-SWAP"] }),
        BitMEXServer(listings: krakenBases.flatMap { [$0 + "USD", $0 + "USDT"] }),
        BitgetServer(listings: upper("", ["USDT"])),
        FTXServer(exchange: "ftx_swap", listings: bases.map { $0 + "-PERP" }),
        FTXServer(exchange: "ftx_futures", listings: bases.flatMap { [$0 + "-0626", $0 + "-0925"] }),
        AscendEXServer(listings: upper("/", ["USDT"])),
        UpbitServer(exchange: "upbit", listings: bases.flatMap { ["KRW-" + $0, "USDT-" + $0] }),
        UpbitServer(exchange: "bithumb", listings: bases.map { "KRW-" + $0 }),
        CoinbaseExchangeServer(listings: upper("-", ["USD", "EUR"])),
        CoinbaseAdvancedServer(listings: upper("-", ["USD", "USDC"])),
        DeribitServer(listings: bases.map { $0 + "-PERPETUAL" }),
        BitFlyerServer(listings: upper("_", ["JPY"]) + ["FX_BTC_JPY"]),
        BitstampServer(listings: lower("", ["usd", "eur"])),
        CryptoComServer(listings: upper("_", ["USDT"]) + bases.map { $0 + "USD-PERP" }),
        HyperliquidServer(listings: bases),
        MEXCServer(listings: upper("", ["USDT"])),
        MEXCContractServer(listings: upper("_", ["USDT"])),
        DYDXServer(listings: upper("-", ["USD"])),
        CoincheckServer(listings: lower("_", ["jpy"])),
        HuobiServer(exchange: "huobi", path: "/ws", listings: lower("", ["usdt"])),
        HuobiServer(exchange: "huobi_futures", path: "/ws", listings: bases.flatMap { ["\($0)_CW", "\($0)_NW", "\($0)_CQ", "\($0)_NQ"] }),
        HuobiServer(exchange: "huobi_swap", path: "/swap-ws", listings: upper("-", ["USD"])),
        HuobiServer(exchange: "huobi_uswap", path: "/linear-swap-ws", listings: upper("-", ["USDT"])),
        KrakenServer(listings: upper("/", ["USD", "EUR", "USDT"])),
        KrakenFuturesServer(listings: krakenBases.flatMap { ["PI_\($0)USD", "PF_\($0)USD"] }),
        FCoinServer(exchange: "fcoin", listings: lower("", ["usdt"])),
        FCoinServer(exchange: "fmex", listings: bases.map { $0.lowercased() + "usd_p" }),
        GateServer(exchange: "gate", path: "/ws/v4/", prefix: "spot.", listings: upper("_", ["USDT"])),
        GateServer(exchange: "gate_swap", path: "/v4/ws/usdt", prefix: "futures.", listings: upper("_", ["USDT"])),
        LiquidServer(listings: lower("", ["jpy", "usd"])),
        KuCoinServer(exchange: "kucoin", listings: upper("-", ["USDT"])),
        KuCoinServer(exchange: "kucoin_futures", listings: krakenBases.flatMap { ["\($0)USDTM", "\($0)USDM"] }),
        BitbankServer(listings: lower("_", ["jpy"])),
        BitfinexServer(exchange: "bitfinex", listings: bases.flatMap { ["t\($0)USD", "t\($0)UST"] }),
        BitfinexServer(exchange: "bitfinex_swap", listings: bases.map { "t\($0)F0:USTF0" }),
        BybitServer(exchange: "bybit_swap", path: "/v5/public/inverse", listings: upper("", ["USD"])),
        BybitServer(exchange: "bybit_uswap", path: "/v5/public/linear", listings: upper("", ["USDT"])),
    ]

    private static let bases = ["BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC", "DOT", "LINK", "AVAX", "BCH", "TRX"]

    /// Some exchanges call bitcoin XBT.
    private static let krakenBases = bases.map { $0 == "BTC" ? "XBT" : $0 }

    private static func upper(_ separator: String, _ quotes: [String]) -> [String] {
        bases.flatMap { base in quotes.map { base + separator + $0 } }
    }

    private static func lower(_ separator: String, _ quotes: [String]) -> [String] { upper(separator, quotes).map { $0.lowercased() } }
}
