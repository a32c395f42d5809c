internal import FoundationEssentials

/// What streams a feed's packets go to.
public enum Routing: String, Sendable, Hashable, Codable, CaseIterable {
    /// One per channel and symbol.
    case symbol
    /// One per channel.
    case channel
    /// The control stream.
    case feed
}

/// One feed of the catalogue: the value in the hash `<namespace>:{workers}:catalogue` under the feed's name, as JSON.
///
/// | field | type | default |
/// |---|---|---|
/// | `exchange` | text, the exchange id | required |
/// | `budget` | text, the budget group: the hash tag of the feed's keys | the exchange id |
/// | `weight` | whole number from 1 on: how much it counts in a worker's load | 1 |
/// | `routing` | `symbol` (the configuration says), `channel`, `feed` | `symbol` |
/// | `shards` | whole number: over how many connections the exchange's symbols are split; the same in all its feeds | 1 |
/// | `policy` | object of texts: settings of this feed as in the configuration (`pace`: `60s`, `exclusive`: `data`) | empty |
///
/// Fields this version does not know are ignored.
public struct CatalogueEntry: Sendable, Hashable {
    public var exchange: String
    public var budget: String
    public var weight: Int
    public var routing: Routing
    public var shards: Int
    public var policy: [String: String]

    public init(
        exchange: String, budget: String? = nil, weight: Int = 1, routing: Routing = .symbol, shards: Int = 1,
        policy: [String: String] = [:]
    ) {
        self.exchange = exchange
        self.budget = budget ?? exchange
        self.weight = weight
        self.routing = routing
        self.shards = shards
        self.policy = policy
    }

    /// Reads the entry of `feed`. Throws `.badCatalogueEntry` with what is wrong with it.
    public init(json: String, of feed: FeedName) throws(CoordinationError) {
        let stored: Stored
        do {
            stored = try JSONDecoder().decode(Stored.self, from: Data(json.utf8))
        } catch {
            throw CoordinationError(
                .badCatalogueEntry,
                "the catalogue's entry of feed '\(feed)' cannot be read: \(Self.reason(error)); write it with the fields "
                    + "exchange, budget, weight, routing, shards, policy")
        }
        self.init(
            exchange: stored.exchange, budget: stored.budget, weight: stored.weight ?? 1, routing: stored.routing ?? .symbol,
            shards: stored.shards ?? 1, policy: stored.policy ?? [:])
        try check(feed)
    }

    /// One line of JSON, fields in the order of their names. Throws `.badCatalogueEntry` for an entry that could not be read back.
    public func json(of feed: FeedName) throws(CoordinationError) -> String {
        try check(feed)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            let stored = Stored(
                exchange: exchange, budget: budget, weight: weight, routing: routing, shards: shards == 1 ? nil : shards,
                policy: policy.isEmpty ? nil : policy)
            return String(decoding: try encoder.encode(stored), as: UTF8.self)
        } catch {
            throw CoordinationError(.badCatalogueEntry, "the entry of feed '\(feed)' cannot be written as JSON: \(error)")
        }
    }

    private struct Stored: Codable {
        var exchange: String
        var budget: String?
        var weight: Int?
        var routing: Routing?
        var shards: Int?
        var policy: [String: String]?
    }

    private func check(_ feed: FeedName) throws(CoordinationError) {
        func wrong(_ what: String) -> CoordinationError {
            CoordinationError(.badCatalogueEntry, "the catalogue's entry of feed '\(feed)' is wrong: \(what)")
        }
        guard feed.exchange == exchange, Self.isID(exchange) else {
            throw wrong("its exchange is '\(exchange)'; a feed is named <exchange> or <exchange>/<shard>, in lower case")
        }
        // The budget group becomes a hash tag: a brace in it would move its keys to other slots.
        guard Self.isGroup(budget) else { throw wrong("its budget group is '\(budget)'; use a-z 0-9 _ . - /") }
        guard (1...FeedLayout.maximumShards).contains(shards) else {
            throw wrong("it splits into \(shards) shards; use 1 to \(FeedLayout.maximumShards)")
        }
        guard (1...1000).contains(weight) else { throw wrong("its weight is \(weight); use 1 to 1000") }
    }

    private static func isID(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "_") }
    }

    private static func isGroup(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (97...122).contains(byte) || (48...57).contains(byte) || "_.-/".utf8.contains(byte)
            }
    }

    private static func reason(_ error: any Error) -> String {
        switch error as? DecodingError {
        case .keyNotFound(let key, _): "field '\(key.stringValue)' is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "it is no JSON object" : "field '\(context.codingPath.map(\.stringValue).joined(separator: "."))' has a wrong value"
        default: "\(error)"
        }
    }
}
