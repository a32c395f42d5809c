import Foundation

/// A line of the simulator's record, as far as the checker reads it. The simulator's own `TruthRecord` documents the file.
struct TruthLine: Decodable, Sendable, Equatable {
    enum Kind: String, Decodable, Sendable {
        case start, refused, open, subscribe, unsubscribe, packet, answer, raw, withheld, source, fault, close, summary
    }

    var kind: Kind
    /// CLOCK_BOOTTIME in nanoseconds.
    var boot: Int64
    var exchange = ""
    var socket: UInt64 = 0
    /// Of a packet: number and hash.
    var number: UInt64 = 0
    var hash = ""
    /// Of a close: `client`, `transport`, ...; the boot time of the first close frame, 0: none.
    var cause = ""
    var closing: Int64 = 0
    /// Of a summary.
    var mostOpen = 0

    init(_ kind: Kind, boot: Int64, exchange: String = "binance", socket: UInt64 = 0) {
        self.kind = kind
        self.boot = boot
        self.exchange = exchange
        self.socket = socket
    }

    private enum CodingKeys: String, CodingKey {
        case kind = "t"
        case boot, exchange, socket
        case number = "n"
        case hash = "fnv"
        case cause, closing, mostOpen
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        kind = try fields.decode(Kind.self, forKey: .kind)
        boot = try fields.decode(Int64.self, forKey: .boot)
        exchange = try fields.decodeIfPresent(String.self, forKey: .exchange) ?? ""
        socket = try fields.decodeIfPresent(UInt64.self, forKey: .socket) ?? 0
        number = try fields.decodeIfPresent(UInt64.self, forKey: .number) ?? 0
        hash = try fields.decodeIfPresent(String.self, forKey: .hash) ?? ""
        cause = try fields.decodeIfPresent(String.self, forKey: .cause) ?? ""
        closing = try fields.decodeIfPresent(Int64.self, forKey: .closing) ?? 0
        mostOpen = try fields.decodeIfPresent(Int.self, forKey: .mostOpen) ?? 0
    }

    static func read(_ path: String) throws -> [TruthLine] {
        let decoder = JSONDecoder()
        return try Data(contentsOf: URL(filePath: path)).split(separator: UInt8(ascii: "\n")).map {
            try decoder.decode(TruthLine.self, from: $0)
        }
    }
}
