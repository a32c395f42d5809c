/// The protocol families, one file each in `Families/`; each lists the dialects of its exchange ids.
enum Families {
    static let all: [[any Dialect]] = [
        BinanceDialect.dialects,
        HuobiDialect.dialects,
        KrakenDialect.dialects,
        KrakenFuturesDialect.dialects,
    ]
}
