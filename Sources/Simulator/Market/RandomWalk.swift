/// The price of one symbol on one socket: a seeded random walk in steps of a cent.
package struct RandomWalk: Sendable {
    private var generator: SplitMix64
    package private(set) var price: Fixed
    package private(set) var open: Fixed
    package private(set) var high: Fixed
    package private(set) var low: Fixed
    package private(set) var volume = Fixed(0, places: 5)

    /// The same seed, exchange and symbol give the same walk.
    package init(seed: UInt64, exchange: String, symbol: String) {
        var hash = FNV1a()
        hash.add(exchange.utf8)
        hash.add(symbol.utf8)
        generator = SplitMix64(seed: seed ^ hash.value)
        price = Fixed(Int64.random(in: 10_00...90_000_00, using: &generator), places: 2)
        (open, high, low) = (price, price, price)
    }

    /// The next tick; `previous` is the number of the message before of the same subscription, 0 for the first.
    package mutating func step(number: UInt64, previous: UInt64, wallMilliseconds: Int64) -> Tick {
        let bits = generator.next()
        let move = Int64(bits & 0xFF) - 128
        price.units = max(100, price.units + move / 16)
        high.units = max(high.units, price.units)
        low.units = min(low.units, price.units)
        let size = Fixed(Int64(bits >> 8 & 0xFFFF) + 1, places: 5)
        volume.units += size.units
        return Tick(
            number: number, previous: previous, wallMilliseconds: wallMilliseconds, price: price, size: size, isBuy: bits >> 24 & 1 == 0,
            spread: Int64(bits >> 25 & 7) + 1, levels: Int(bits >> 28 & 7) + 1, open: open, high: high, low: low, volume: volume)
    }
}

/// One event of the market, for a dialect to put into words.
package struct Tick: Sendable, Equatable {
    /// Increasing and unique in this simulator; at least 1.
    package var number: UInt64
    /// The number of the subscription's message before on this socket; 0 for the first.
    package var previous: UInt64
    package var wallMilliseconds: Int64
    package var price: Fixed
    package var size: Fixed
    /// The taker bought.
    package var isBuy: Bool
    /// Between the best bid (`price`) and the best ask, in units of the price.
    package var spread: Int64
    /// Book levels that changed, 1 to 8.
    package var levels: Int
    package var open: Fixed
    package var high: Fixed
    package var low: Fixed
    package var volume: Fixed

    package var isFirst: Bool { previous == 0 }
    package var bid: Fixed { price }
    package var ask: Fixed { Fixed(price.units + spread, places: price.places) }
    /// RFC 3339 with microseconds.
    package var timestamp: String { Timestamp.rfc3339(milliseconds: wallMilliseconds) }

    /// The bid side of a book: prices going down and sizes.
    package var bids: [BookLevel] { side(from: bid, step: -1) }
    package var asks: [BookLevel] { side(from: ask, step: 1) }

    private func side(from best: Fixed, step: Int64) -> [BookLevel] {
        (0..<levels).map { level in
            let price = max(1, best.units + step * Int64(level))
            return BookLevel(
                price: Fixed(price, places: best.places), size: Fixed(size.units + Int64(level) * 100, places: size.places))
        }
    }
}
