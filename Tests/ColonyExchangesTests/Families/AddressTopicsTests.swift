import ColonyExchanges
import Foundation
import Testing

/// Subscriptions in a websocket's address, at the exchanges that take them there.
@Suite("Topics in the address") struct AddressTopicsTests {
    private func dialect(_ id: String, url: String? = nil, limit: Int? = nil) throws -> any Dialect {
        var dialect = try Exchanges.dialect(id)
        if let url { dialect.profile.url = url }
        if let limit { dialect.profile.limits.topicsInAddress = limit }
        return dialect
    }

    private func plan(_ dialect: any Dialect, _ topics: [Topic]) throws -> (url: String, asking: [Topic]) {
        guard case .url(let url, let asking) = dialect.connection(topics: topics, random: 0) else {
            Issue.record("\(dialect.profile.id) has no address of its own")
            return ("", [])
        }
        return (url, asking)
    }

    private func trades(_ count: Int, _ symbol: (Int) -> String = { "C\($0)USDT" }) -> [Topic] {
        (0..<count).map { Topic("trade", symbol($0)) }
    }

    @Test(
        "the streams are named as in a message",
        arguments: [
            (
                "binance", [("trade", "BTCUSDT"), ("book", "ethusdt"), ("candle.1m", "BTCUSDT"), ("ticker", "_all")],
                "wss://stream.binance.com:9443/stream?streams=btcusdt@trade/ethusdt@depth@100ms/btcusdt@kline_1m/!ticker@arr"
            ),
            (
                "binance_usdm", [("trade", "BTCUSDT"), ("markprice.1s", "_all")],
                "wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade/!markPrice@arr@1s"
            ),
            ("binance_coinm", [("trade", "BTCUSD_PERP")], "wss://dstream.binance.com/stream?streams=btcusd_perp@aggTrade"),
            (
                "bitmex", [("trade", "XBTUSD"), ("book", "XBTUSD"), ("trade", ".BXBT")],
                "wss://ws.bitmex.com/realtime?subscribe=trade:XBTUSD,orderBookL2_25:XBTUSD,trade:.BXBT"
            ),
        ] as [(String, [(String, String)], String)])
    func addresses(id: String, topics: [(String, String)], url: String) throws {
        let dialect = try dialect(id)
        let topics = try topics.map { try dialect.canonical($0.0, $0.1) }
        let plan = try plan(dialect, topics)
        #expect(plan.url == url)
        #expect(plan.asking == topics)
    }

    @Test("each branch of an exchange has the list in its own address")
    func branches() throws {
        let main = try dialect("binance_usdm")
        let branch = try #require(main.branches.first)
        let plan = try plan(try dialect("binance_usdm", url: branch.url), [main.canonical("bbo", "BTCUSDT")])
        #expect(plan.url == "wss://fstream.binance.com/public/stream?streams=btcusdt@bookTicker")
    }

    @Test("no other exchange is asked in its address, and none without topics")
    func others() throws {
        for dialect in Exchanges.all where dialect.profile.limits.topicsInAddress == 0 {
            let topic = Topic("trade", dialect.profile.exampleSymbol)
            if case .url(_, let asking) = dialect.connection(topics: [topic], random: 7) { #expect(asking == [], "\(dialect.profile.id)") }
        }
        let taking = Exchanges.all.filter { $0.profile.limits.topicsInAddress > 0 }.map(\.profile.id)
        #expect(taking == ["binance", "binance_coinm", "binance_usdm", "bitmex"])
        for id in taking { #expect(try plan(dialect(id), []).url == dialect(id).profile.url) }
    }

    @Test("so many topics as the exchange's limit says are named, in their order", arguments: [("binance", 200), ("bitmex", 20)])
    func count(id: String, limit: Int) throws {
        let dialect = try dialect(id)
        let topics = trades(limit + 50)
        let plan = try plan(dialect, topics)
        #expect(plan.asking == Array(topics.prefix(limit)))
        #expect(plan.url.split(separator: "=")[1].split { "/,".contains($0) }.count == limit)
        let off = try self.plan(try self.dialect(id, limit: 0), topics)
        #expect(off.url == dialect.profile.url && off.asking == [])
    }

    @Test("an address has 4,096 bytes at most, and what does not fit any more is left out whole")
    func length() throws {
        let dialect = try dialect("binance")
        let topics = trades(150) { "LONG\(String(repeating: "X", count: 40))\(1000 + $0)USDT" }
        let plan = try plan(dialect, topics)
        let next = "/long\(String(repeating: "x", count: 40))1000usdt@trade".utf8.count
        #expect(plan.url.utf8.count <= 4096 && plan.url.utf8.count + next > 4096)
        #expect(plan.asking == Array(topics.prefix(plan.asking.count)))
        #expect(plan.url.hasSuffix("\(1000 + plan.asking.count - 1)usdt@trade"))
        // Where the configured address alone is as long, it stays as it is.
        let long = "ws://127.0.0.1/\(String(repeating: "p", count: 4090))/stream"
        #expect(try self.plan(try self.dialect("binance", url: long), topics) == (long, []))
    }

    @Test(
        "a list of one's own, another path and a fragment in the configured address are left alone",
        arguments: [
            ("binance", "wss://stream.binance.com:9443/ws"), ("binance", "wss://gateway.example/stream/"),
            ("binance", "wss://stream.binance.com:9443/stream?streams=ethusdt@trade"), ("binance", "wss://gateway.example/stream?streams"),
            ("binance", "wss://gateway.example/stream#streams"), ("bitmex", "wss://ws.bitmex.com/realtimePlatform"),
            ("bitmex", "wss://ws.bitmex.com/realtime?subscribe=chat"), ("gemini", "wss://gateway.example/stream"),
        ])
    func configured(id: String, url: String) throws {
        let plan = try plan(try dialect(id, url: url), [Topic("trade", "BTCUSDT")])
        #expect(plan.url == url && plan.asking == [])
    }

    @Test("what else the configured address asks for stays in front")
    func otherItems() throws {
        let dialect = try dialect("binance", url: "wss://stream.binance.com:9443/stream?timeUnit=MICROSECOND")
        #expect(
            try plan(dialect, [Topic("trade", "BTCUSDT")]).url
                == "wss://stream.binance.com:9443/stream?timeUnit=MICROSECOND&streams=btcusdt@trade")
    }

    @Test(
        "a symbol that could end the list, the query or the address is encoded",
        arguments: [
            ("X&STREAMS=ETHUSDT", "x%26streams%3Dethusdt@trade"), ("A#B", "a%23b@trade"), ("A%2FB", "a%252fb@trade"),
            ("A+B", "a%2Bb@trade"), ("A?B", "a%3Fb@trade"), ("A;B", "a%3Bb@trade"), ("A=B", "a%3Db@trade"),
            ("币安USDT", "%E5%B8%81%E5%AE%89usdt@trade"),
        ])
    func encoded(symbol: String, text: String) throws {
        let dialect = try dialect("binance")
        let topic = try dialect.canonical("trade", symbol)
        let plan = try plan(dialect, [topic, Topic("trade", "BTCUSDT")])
        #expect(plan.asking == [topic, Topic("trade", "BTCUSDT")])
        #expect(plan.url == "wss://stream.binance.com:9443/stream?streams=\(text)/btcusdt@trade")
    }

    @Test("a name that holds the list's separator is left to a message")
    func separators() throws {
        let binance = try dialect("binance_usdm")
        let slash = try binance.canonical("trade", "A/BTCUSDT")
        #expect(try plan(binance, [slash]) == (binance.profile.url, []))
        let both = try plan(binance, [slash, Topic("trade", "BTCUSDT")])
        #expect(both.asking == [Topic("trade", "BTCUSDT")])
        let bitmex = try dialect("bitmex")
        #expect(try plan(bitmex, [Topic("trade", "A,trade:B")]) == (bitmex.profile.url, []))
        // Elsewhere it is a letter like any other.
        #expect(try plan(bitmex, [bitmex.canonical("trade", "A/B")]).url.hasSuffix("?subscribe=trade:A%2FB"))
    }

    /// Judged by another reader of URLs.
    @Test("whatever the symbols are, the query holds the named topics and nothing else", arguments: ["binance", "binance_usdm", "bitmex"])
    func hostile(id: String) throws {
        let dialect = try dialect(id)
        let alphabet = Array("aB0&=#?%/+;:@!$*()~^|<>`.-_é币😀,\\\"'{} \u{0}\u{7F}\u{200B}\u{202E}\r\n")
        var random = SystemRandomNumberGenerator()
        var tried = 0
        for _ in 0..<500 {
            let symbols = (0..<Int.random(in: 1...5, using: &random)).map { _ in
                String((0..<Int.random(in: 1...12, using: &random)).compactMap { _ in alphabet.randomElement(using: &random) })
            }
            let topics = symbols.compactMap { symbol -> Topic? in
                // Most are refused already.
                try? dialect.canonical("trade", symbol)
            }
            guard !topics.isEmpty else { continue }
            tried += 1
            let plan = try plan(dialect, topics)
            #expect(plan.url.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
            let parts = try #require(URLComponents(string: plan.url))
            let plain = try #require(URLComponents(string: dialect.profile.url))
            #expect(parts.host == plain.host && parts.port == plain.port && parts.path == plain.path && parts.fragment == nil)
            let items = parts.queryItems ?? []
            let names = plan.asking.map { id == "bitmex" ? "trade:\($0.symbol)" : name(of: $0, id) }
            #expect(items.count == (names.isEmpty ? 0 : 1), "\(plan.url)")
            let separator: Character = id == "bitmex" ? "," : "/"
            let read = items.first?.value?.split(separator: separator, omittingEmptySubsequences: false).map(String.init) ?? []
            #expect(read == names, "\(plan.url)")
        }
        #expect(tried > 50)
    }

    private func name(of topic: Topic, _ id: String) -> String {
        topic.symbol.lowercased() + (id == "binance" ? "@trade" : "@aggTrade")
    }
}
