import FoundationEssentials
import Coordination
import RedisClient

package struct CatalogueEntry: Codable, Sendable {
    package var exchange: String
    package var budget: String?
    init(exchange: String, budget: String?) { self.exchange = exchange; self.budget = budget }
    var budgetGroup: String { budget ?? exchange }
    func encoded() throws -> String { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
    static func decodeAll(_ reply: RedisValue) throws -> [(feed: FeedName, entry: CatalogueEntry)] {
        let values = reply.array ?? []
        var out: [(feed: FeedName, entry: CatalogueEntry)] = []
        for i in stride(from: 0, to: values.count - 1, by: 2) {
            guard let n = values[i].string, let v = values[i + 1].string else { continue }
            out.append((FeedName(n), try JSONDecoder().decode(CatalogueEntry.self, from: Data(v.utf8))))
        }
        return out.sorted { $0.feed < $1.feed }
    }
}

struct Member { var incarnation: Incarnation; var weight: Double; var isReady: Bool; var host: String; var startedAt: Int64 }
enum Rendezvous {
    static func rank(_ feed: FeedName, members: [Member]) -> [Member] {
        func h(_ m: Member) -> UInt64 {
            var x: UInt64 = 14695981039346656037
            for b in "\(feed)/\(m.incarnation.name)".utf8 { x = (x ^ UInt64(b)) &* 1099511628211 }
            x ^= x >> 32; x = x &* 0x9e3779b97f4a7c15; x ^= x >> 29
            return x
        }
        return members.sorted { h($0) > h($1) }
    }
}
