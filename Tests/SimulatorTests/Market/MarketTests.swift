import NIOCore
import Testing

@testable import Simulator

@Suite struct MarketTests {
    @Test(
        "times are written in UTC",
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"), (1_777_712_401_123, "2026-05-02T09:00:01.123000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999000Z"), (951_782_400_000, "2000-02-29T00:00:00.000000Z"),
        ] as [(Int64, String)])
    func timestamps(milliseconds: Int64, text: String) {
        #expect(Timestamp.rfc3339(milliseconds: milliseconds) == text)
    }

    @Test(
        "the hash is FNV-1a of 64 bits", arguments: [("", "cbf29ce484222325"), ("a", "af63dc4c8601ec8c"), ("foobar", "85944171f73967e8")])
    func hash(text: String, hash: String) {
        #expect(FNV1a.text(FNV1a.hash(text.utf8)) == hash)
    }

    @Test("the same seed gives the same walk, another seed another one")
    func walks() {
        func prices(_ seed: UInt64) -> [Fixed] {
            var walk = RandomWalk(seed: seed, exchange: "binance", symbol: "BTCUSDT")
            return (1...50).map { walk.step(number: $0, previous: $0 - 1, wallMilliseconds: 0).price }
        }
        #expect(prices(1) == prices(1))
        #expect(prices(1) != prices(2))
        #expect(Set(prices(1).map(\.units)).count > 5)
    }

    @Test("fixed numbers are printed with all places, or without trailing zeros")
    func fixed() {
        #expect(Fixed(9_712_040, places: 2).description == "97120.40")
        #expect(Fixed(9_712_040, places: 2).shortest == "97120.4")
        #expect(Fixed(5, places: 3).description == "0.005")
        #expect(Fixed(-100, places: 2).shortest == "-1")
    }

    @Test("a window admits so many and says how long to wait for the next")
    func window() {
        var window = RateWindow(.init(2, per: .seconds(1)))
        let start = NIODeadline.uptimeNanoseconds(0)
        #expect(window.admit(at: start) == nil)
        #expect(window.admit(at: start + .milliseconds(400)) == nil)
        #expect(window.admit(at: start + .milliseconds(500)) == .milliseconds(500))
        #expect(window.admit(at: start + .milliseconds(1000)) == nil)
        #expect(window.admit(at: start + .milliseconds(1001)) == .milliseconds(399))
    }
}
