/// The subscriptions of one socket, in the order they were made.
package struct SubscriptionTable: Sendable {
    package private(set) var all: [Subscription] = []
    private var positions: [String: Int] = [:]

    package init() {}

    package var count: Int { all.count }
    package var isEmpty: Bool { all.isEmpty }

    package subscript(key: String) -> Subscription? { positions[key].map { all[$0] } }

    /// False when the key is subscribed already.
    mutating func insert(_ subscription: Subscription) -> Bool {
        guard positions[subscription.key] == nil else { return false }
        positions[subscription.key] = all.count
        all.append(subscription)
        return true
    }

    mutating func remove(_ key: String) -> Subscription? {
        guard let position = positions.removeValue(forKey: key) else { return nil }
        let removed = all.remove(at: position)
        for index in position..<all.count { positions[all[index].key] = index }
        return removed
    }
}
