package import Cluster

/// A time without a websocket, and how it ended, as the event log tells it. All times are Redis TIME in ms.
package struct HandoverRecord: Codable, Sendable, Equatable {
    package var feed: String
    /// Who had the websocket.
    package var from: String
    /// Who had the next one; nil: nobody yet.
    package var to: String?
    package var reason: String
    package var isCrash: Bool
    package var downAt: Int64
    /// Another worker has the lease; nil: it stayed with its holder, or has not been taken.
    package var takenAt: Int64?
    package var connectingAt: Int64?
    package var upAt: Int64?

    enum CodingKeys: String, CodingKey {
        case feed, from, to, reason
        case isCrash = "crash"
        case downAt = "down_at"
        case takenAt = "taken_at"
        case connectingAt = "connecting_at"
        case upAt = "up_at"
    }
}

/// Puts the event log's lines together: what ended a websocket, who took over, when the next one was open.
package enum HandoverHistory {
    /// The last `limit` records, the newest first; of events in any order.
    package static func records(_ events: [ClusterEvent], limit: Int) -> [HandoverRecord] {
        var open: [String: HandoverRecord] = [:]
        var closed: [HandoverRecord] = []
        for event in events.sorted(by: { ($0.at, $0.id) < ($1.at, $1.id) }) {
            switch event.event {
            case "disconnected", "crashed":
                // A crash before the next websocket belongs to the time without one that has begun already.
                guard open[event.feed] == nil else { break }
                open[event.feed] = HandoverRecord(
                    feed: event.feed, from: event.worker, reason: event.reason, isCrash: event.event == "crashed", downAt: event.at)
            case "acquired", "taken_over":
                open[event.feed]?.takenAt = event.at
                open[event.feed]?.to = event.worker
            case "connecting": open[event.feed]?.connectingAt = event.at
            case "connected", "reconnected":
                guard var record = open.removeValue(forKey: event.feed) else { break }
                record.to = event.worker
                record.upAt = event.at
                closed.append(record)
            default: break
            }
        }
        return Array((closed + open.values).sorted { ($0.downAt, $0.feed) > ($1.downAt, $1.feed) }.prefix(limit))
    }
}
