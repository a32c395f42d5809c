import ColonyExchanges
import Foundation
import Testing

/// Every recorded message of an exchange means what an independent reader of the same JSON says.
@Suite("Recorded traffic", .enabled(if: Recording.isPresent, "the folder ../shared/recordings is absent"))
struct RecordingTests {
    @Test("every received message is classified as an independent reader expects", .timeLimit(.minutes(2)), arguments: recordings)
    func everyMessageIsClassified(recording: Recording) throws {
        var connection = try Connection(recording.id)
        var expectations = Expectations(recording.id)
        var packets = 0
        var mistakes = 0
        for line in try recording.lines() {
            guard line.isReceived else {
                expectations.sent(line.text)
                continue
            }
            let meaning = connection.read(line.bytes)
            let expected = expectations.meaning(of: line.text)
            if case .packet = meaning { packets += 1 }
            if meaning.isMalformed || !expected.fits(meaning) {
                mistakes += 1
                if mistakes <= 5 { Issue.record("expected \(expected), read \(meaning): \(line.text.prefix(300))") }
            }
        }
        #expect(mistakes == 0)
        #expect(packets > 0 || recording.holdsNoStreams, "a recording of an exchange holds market data")
    }

    @Test("every file of the folder is read by one of the tests")
    func everyFile() throws {
        let root = Recording.folder
        let found = try FileManager.default.subpathsOfDirectory(atPath: root.path).filter { $0.hasSuffix(".jsonl") }
        let read = Set(Self.recordings.map(\.path)).union(RecordedPushTests.files)
        #expect(Set(found).subtracting(read).isEmpty, "no test reads \(Set(found).subtracting(read).sorted())")
    }

    static let recordings: [Recording] = [
        Recording("binance/crypto-msg-parser-binance-samples.jsonl", "binance"),
        Recording("binance/cryptofeed-2021-08-14-BINANCE.ws.1.jsonl", "binance"),
        Recording("binance/gocryptotrader-binance-samples.jsonl", "binance"),
        Recording("binance_usdm/cryptofeed-2021-04-17-BINANCE_FUTURES.ws.5.jsonl", "binance_usdm"),
        Recording("binance_coinm/cryptofeed-2021-07-21-BINANCE_DELIVERY.ws.1.jsonl", "binance_coinm"),
        Recording("huobi/cryptofeed-2021-04-17-HUOBI.ws.44.jsonl", "huobi", .gzip),
        Recording("huobi/gocryptotrader-huobi-samples.jsonl", "huobi", .gzip),
        Recording("huobi_swap/cryptofeed-2022-02-19-HUOBI_SWAP.ws.1.jsonl", "huobi_swap", .gzip),
        Recording("kraken/cryptofeed-2021-04-17-KRAKEN.ws.48.jsonl", "kraken"),
        Recording("kraken/cryptofeed-2021-04-17-KRAKEN.ws.50.jsonl", "kraken"),
        Recording("kraken/gocryptotrader-kraken-samples.jsonl", "kraken"),
        Recording("bybit/cryptofeed-2021-04-17-BYBIT.ws.26.jsonl", "bybit_swap"),
        Recording("bybit/cryptofeed-2025-08-16-BYBIT.ws.1.jsonl", "bybit_uswap"),
        Recording("bybit/gocryptotrader-bybit-samples.jsonl", "bybit_uswap"),
        Recording("okx/cryptofeed-2021-07-22-OKEX.ws.1.jsonl", "okx"),
        Recording("okx/cryptofeed-2022-05-13-OKX.ws.1.jsonl", "okx"),
        Recording("okx/gocryptotrader-okx-samples.jsonl", "okx"),
        Recording("bitmex/cryptofeed-2021-04-17-BITMEX.ws.17.jsonl", "bitmex"),
        Recording("bitget/cryptofeed-2022-04-06-BITGET.ws.2.jsonl", "bitget"),
        Recording("bitfinex/cryptofeed-2021-04-17-BITFINEX.ws.11.jsonl", "bitfinex"),
        Recording("bitfinex/crypto-msg-parser-bitfinex-samples.jsonl", "bitfinex"),
        Recording("coinbase/cryptofeed-2021-04-17-COINBASE.ws.28.jsonl", "coinbase"),
        Recording("deribit/cryptofeed-2021-07-22-DERIBIT.ws.1.jsonl", "deribit"),
        Recording("bitflyer/cryptofeed-2021-04-17-BITFLYER.ws.13.jsonl", "bitflyer"),
        Recording("kraken_futures/cryptofeed-2021-07-22-KRAKEN_FUTURES.ws.1.jsonl", "kraken_futures"),
    ]
}
