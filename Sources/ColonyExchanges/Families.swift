/// The protocol families, one file each in `Families/`; each lists the dialects of its exchange ids.
enum Families {
    static let all: [[any Dialect]] = [
        BinanceDialect.dialects,
        BitFlyerDialect.dialects,
        BitMEXDialect.dialects,
        BitfinexDialect.dialects,
        BitgetDialect.dialects,
        BybitDialect.dialects,
        CoinbaseAdvancedDialect.dialects,
        CoinbaseExchangeDialect.dialects,
        DeribitDialect.dialects,
        HuobiDialect.dialects,
        KrakenDialect.dialects,
        KrakenFuturesDialect.dialects,
        OKXDialect.dialects,
    ]
}
