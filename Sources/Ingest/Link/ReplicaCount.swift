package import Coordination

/// How many replicas must have a write before it is safe from a failover: all that were in touch lately, since any of them may be the one that is
/// promoted. One that left counts on for as long as anything is kept for it: perhaps it left because it was promoted.
package struct ReplicaCount: Sendable {
    /// As long as acknowledged packets are kept at most.
    package static let memory: Duration = .seconds(10)

    private var highest: (count: Int, at: LocalTime)?

    package init() {}

    /// Takes what the server said at `now`; returns how many must confirm, 0 without any replica in all that time.
    package mutating func needed(inTouch count: Int, now: LocalTime) -> Int {
        guard let highest, count < highest.count, now - highest.at < Self.memory else {
            highest = (count, now)
            return count
        }
        return highest.count
    }
}
