/// The protocol families, one file each in `Families/`; each lists the dialects of its exchange ids.
enum Families {
    static let all: [[any Dialect]] = [
        AscendEXDialect.dialects,
        BinanceDialect.dialects,
<<<<<<< HEAD
        BitbankDialect.dialects,
        BitstampDialect.dialects,
        CoincheckDialect.dialects,
        CryptoComDialect.dialects,
        DYDXDialect.dialects,
        FCoinDialect.dialects,
        FTXDialect.dialects,
        GateDialect.dialects,
=======
        BitFlyerDialect.dialects,
        BitMEXDialect.dialects,
        BitfinexDialect.dialects,
        BitgetDialect.dialects,
        BybitDialect.dialects,
        CoinbaseAdvancedDialect.dialects,
        CoinbaseExchangeDialect.dialects,
        DeribitDialect.dialects,
>>>>>>> 00087e0e74f70441d673948c9eecb3721f1f2063
        HuobiDialect.dialects,
        HyperliquidDialect.dialects,
        KrakenDialect.dialects,
        KrakenFuturesDialect.dialects,
<<<<<<< HEAD
        KuCoinDialect.dialects,
        LiquidDialect.dialects,
        MEXCContractDialect.dialects,
        MEXCDialect.dialects,
        UpbitDialect.dialects,
=======
        OKXDialect.dialects,
>>>>>>> 00087e0e74f70441d673948c9eecb3721f1f2063
    ]
}
