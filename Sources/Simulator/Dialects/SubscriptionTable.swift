/// The subscriptions of one socket, in the order they were made.
package struct SubscriptionTable: Sendable {
    /// Those that bring market data.
    package private(set) var all: [Subscription] = []
    private var positions: [String: Int] = [:]
    private var silent: [String: Subscription] = [:]

    package init() {}

    /// Subscriptions with market data.
    package var count: Int { all.count }
    package var isEmpty: Bool { all.isEmpty }

    /// Keys of everything subscribed, those without market data last.
    package var keys: [String] { all.map(\.key) + silent.keys.sorted() }

    package subscript(key: String) -> Subscription? { positions[key].map { all[$0] } ?? silent[key] }

    /// False when the key is subscribed already.
    mutating func insert(_ subscription: Subscription) -> Bool {
        guard self[subscription.key] == nil else { return false }
        if subscription.carriesData {
            positions[subscription.key] = all.count
            all.append(subscription)
        } else {
            silent[subscription.key] = subscription
        }
        return true
    }

    mutating func remove(_ key: String) -> Subscription? {
        guard let position = positions.removeValue(forKey: key) else { return silent.removeValue(forKey: key) }
        let removed = all.remove(at: position)
        for index in position..<all.count { positions[all[index].key] = index }
        return removed
    }
}
