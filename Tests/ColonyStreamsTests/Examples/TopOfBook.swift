import ColonyStreams
import Foundation
import NIOCore

/// A strategy's view of one market: the best bid and offer of Binance's `bbo` channel, and whether it may be traded on.
///
/// Trading stops when the websocket ends and goes on with the first quote of the next one; a quote that may have been overtaken by one that is
/// missing does not count either.
struct TopOfBook {
    struct Quote: Equatable {
        var bid: Double
        var ask: Double
    }

    private(set) var quote: Quote?
    private var isUp = false

    var mayTrade: Bool { isUp && quote != nil }

    mutating func apply(_ event: ColonyEvent) {
        switch event {
        case .packet(let packet) where packet.channel == "bbo":
            // A quote stands for itself: one that follows a hole is as good as any, once it is here.
            quote = Self.read(packet.data) ?? quote
        case .producerChanged(let change):
            // Whatever was known is of another connection.
            quote = nil
            switch change.change {
            case .up, .unannounced: isUp = true
            case .down, .fenced: isUp = false
            }
        case .gap, .trimmed: quote = nil
        case .rollback: quote = nil
        case .packet, .foreign: break
        }
    }

    /// `{"stream":"btcusdt@bookTicker","data":{"b":"25.35","a":"25.36",..}}`
    private static func read(_ payload: ByteBuffer) -> Quote? {
        guard let message = try? JSONSerialization.jsonObject(with: Data(payload.readableBytesView)) as? [String: Any],
            let data = message["data"] as? [String: Any], let bid = (data["b"] as? String).flatMap(Double.init),
            let ask = (data["a"] as? String).flatMap(Double.init)
        else { return nil }
        return Quote(bid: bid, ask: ask)
    }
}
