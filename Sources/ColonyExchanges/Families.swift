/// The protocol families, one file each in `Families/`; each lists the dialects of its exchange ids.
enum Families {
    static let all: [[any Dialect]] = [
        AscendEXDialect.dialects,
        BinanceDialect.dialects,
        BitbankDialect.dialects,
        BitstampDialect.dialects,
        CoincheckDialect.dialects,
        CryptoComDialect.dialects,
        DYDXDialect.dialects,
        FCoinDialect.dialects,
        FTXDialect.dialects,
        GateDialect.dialects,
        HuobiDialect.dialects,
        HyperliquidDialect.dialects,
        KrakenDialect.dialects,
        KrakenFuturesDialect.dialects,
        KuCoinDialect.dialects,
        LiquidDialect.dialects,
        MEXCContractDialect.dialects,
        MEXCDialect.dialects,
        UpbitDialect.dialects,
    ]
}
