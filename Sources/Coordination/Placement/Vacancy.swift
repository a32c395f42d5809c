/// How a feed came to have no holder, as its record tells.
public enum Vacancy: Sendable, Hashable {
    /// Nobody is known to have held it.
    case neverHeld
    /// Its holder gave it up, or was proved dead, at this time: Redis TIME, ms.
    case freed(at: Int64)
    /// The record still names a holder, which is dead or renews no longer.
    case lost
}

extension PlacementSettings {
    /// Whether a vacancy is to be filled at once, by whoever is there: true for a feed that had a holder until now. One that has been free for
    /// longer than the settle time, by `redisNow` (TIME, ms), is a cold start: those that come just now get their share of it.
    public func isTakeover(_ vacancy: Vacancy, redisNow: Int64) -> Bool {
        switch vacancy {
        case .neverHeld: false
        case .lost: true
        // Redis' clock may have gone back; a time that is far ahead tells nothing.
        case .freed(let at): abs(redisNow - at) <= settle.wholeMilliseconds
        }
    }
}
