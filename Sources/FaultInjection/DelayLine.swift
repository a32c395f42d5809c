/// One direction of a long way: what goes in comes out after `delay`, in order, whatever its rate.
///
/// Times are nanoseconds of one clock of the caller's choice. The caller bounds what is on its way by `byteCount`.
struct DelayLine<Parcel> {
    /// Nanoseconds.
    let delay: Int64
    /// What goes in before starts then: nothing can be sent on a connection whose handshake is still on its way.
    let opening: Int64
    private var parcels: [(due: Int64, bytes: Int, parcel: Parcel)] = []
    private var first = 0
    private(set) var byteCount = 0

    init(delay: Int64, opening: Int64) {
        self.delay = delay
        self.opening = opening
    }

    /// When something comes out next; nil while nothing is on its way.
    var nextDue: Int64? { first < parcels.count ? parcels[first].due : nil }

    /// Returns true if nothing else was on its way, so that nobody waits for `nextDue` yet.
    mutating func enter(_ parcel: Parcel, bytes: Int, now: Int64) -> Bool {
        let wasEmpty = nextDue == nil
        // Order is kept also if the clock stood still or went back.
        let due = max(max(now, opening) + delay, parcels.last?.due ?? 0)
        parcels.append((due, bytes, parcel))
        byteCount += bytes
        return wasEmpty
    }

    /// What has arrived by `now`, in order.
    mutating func leave(now: Int64) -> [Parcel] {
        var arrived: [Parcel] = []
        while first < parcels.count, parcels[first].due <= now {
            arrived.append(parcels[first].parcel)
            byteCount -= parcels[first].bytes
            first += 1
        }
        if first == parcels.count || first > 1_024 {
            parcels.removeFirst(first)
            first = 0
        }
        return arrived
    }
}
