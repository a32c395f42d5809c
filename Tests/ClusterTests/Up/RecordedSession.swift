import Foundation
import NIOCore
import TestSupport
import WebSocketClient

/// What an exchange really sent in a recorded session, read without any of the project's knowledge about exchanges.
struct RecordedSession: Sendable {
    struct Message: Sendable, Equatable {
        /// The stream it belongs to, as `<channel>:<symbol>`; nil: a heartbeat, ping, acknowledgement or status message.
        var stream: String?
        var payload: [UInt8]
    }

    var exchange: String
    var file: String
    var messages: [Message]

    /// Beside the project, `../shared/recordings`.
    static let directory = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../../shared/recordings")
        .standardizedFileURL.path

    static let files = [
        "binance": "\(directory)/binance/cryptofeed-2021-08-14-BINANCE.ws.1.jsonl",
        "huobi": "\(directory)/huobi/cryptofeed-2021-04-17-HUOBI.ws.44.jsonl",
        "kraken": "\(directory)/kraken/cryptofeed-2021-04-17-KRAKEN.ws.50.jsonl",
    ]

    static var areThere: Bool { files.values.allSatisfy { FileManager.default.isReadableFile(atPath: $0) } }

    private struct Line: Decodable {
        var t: String
        var data: String?
        var b64: Data?
    }

    init(exchange: String, file: String) throws {
        self.exchange = exchange
        self.file = file
        messages = []
        for text in try Data(contentsOf: URL(filePath: file)).split(separator: UInt8(ascii: "\n")) {
            let line = try JSONDecoder().decode(Line.self, from: text)
            guard line.t == "recv" else { continue }
            let payload: [UInt8]
            if let packed = line.b64 {
                var plain = ByteBuffer()
                try packed.withUnsafeBytes { try Inflater(.gzip).inflate($0, limit: 64 << 20, into: &plain) }
                payload = Array(plain.readableBytesView)
            } else {
                payload = Array((line.data ?? "").utf8)
            }
            messages.append(Message(stream: try Self.stream(payload, exchange), payload: payload))
        }
    }

    private static func stream(_ payload: [UInt8], _ exchange: String) throws -> String? {
        let json = try JSONSerialization.jsonObject(with: Data(payload))
        switch exchange {
        case "binance":
            // `<symbol>@<name>` in the wrapper around each message.
            guard let parts = ((json as? [String: Any])?["stream"] as? String)?.split(separator: "@", maxSplits: 1), parts.count == 2
            else { return nil }
            let names = ["depth@100ms": "book", "bookTicker": "bbo", "aggTrade": "aggtrade", "kline_1m": "candle.1m"]
            guard let channel = names[String(parts[1])] else { throw TestFailure("no name for \(parts[1])") }
            return "\(channel):\(parts[0].uppercased())"
        case "huobi":
            // `market.<symbol>.<name>`; pings and acknowledgements have no `ch`.
            guard let parts = ((json as? [String: Any])?["ch"] as? String)?.split(separator: ".", maxSplits: 2), parts.count == 3
            else { return nil }
            let names = ["depth.step0": "book_snapshot", "trade.detail": "trade"]
            guard let channel = names[String(parts[2])] else { throw TestFailure("no name for \(parts[2])") }
            return "\(channel):\(parts[1])"
        default:
            // An array that ends in channel and pair; events are objects.
            guard let array = json as? [Any], array.count >= 4, let pair = array.last as? String,
                let channel = array[array.count - 2] as? String
            else { return nil }
            return "\(channel.replacing("-", with: ".")):\(pair)"
        }
    }
}
