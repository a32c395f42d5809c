import Coordination
import Testing

/// A free feed is claimed by the second rank a little later, by looking at its record once more.
@Suite struct ClaimTurnTests {
    private static let stagger = Duration.milliseconds(150)
    private static let start = LocalTime(nanoseconds: 1_000_000_000)
    private static let free = LeaseObservation(
        state: .free, holder: nil, epoch: 4, renewals: 7, ttlMilliseconds: 6_000, phase: .waiting, preferred: nil, lastMilliseconds: 0)

    private var random = SystemRandomNumberGenerator()
    private var machine = FeedMachine(policy: FeedPolicy(claimStagger: stagger), incarnation: Incarnation(name: "b", random: 1))

    private mutating func handle(_ event: FeedMachine.Event, after delay: Duration = .zero) -> [FeedMachine.Action] {
        machine.handle(event, now: Self.start + delay, random: &random)
    }

    private static func looks(_ actions: [FeedMachine.Action]) -> Int {
        actions.count { if case .observe = $0 { true } else { false } }
    }

    private static func claims(_ actions: [FeedMachine.Action]) -> Int {
        actions.count { if case .acquire = $0 { true } else { false } }
    }

    @Test mutating func `when its turn comes the machine looks once, and sets no timer until the answer is there`() {
        #expect(Self.looks(handle(.placed(rank: 2, alternate: nil))) == 1)
        #expect(Self.claims(handle(.observed(Self.free, connection: 1))) == 0)
        #expect(machine.wakeAt == Self.start + Self.stagger)

        #expect(Self.looks(handle(.timer, after: Self.stagger)) == 1)
        // A timer for a time that has passed would fire at once, again and again, and flood the connection with looks.
        #expect(machine.wakeAt == nil)
        #expect(Self.looks(handle(.timer, after: Self.stagger)) == 0)

        #expect(Self.claims(handle(.observed(Self.free, connection: 1), after: Self.stagger)) == 1)
    }

    @Test mutating func `a look before the turn does not put it off`() {
        _ = handle(.placed(rank: 2, alternate: nil))
        _ = handle(.observed(Self.free, connection: 1))
        #expect(Self.claims(handle(.observed(Self.free, connection: 1), after: .milliseconds(100))) == 0)
        #expect(machine.wakeAt == Self.start + Self.stagger)
    }

    @Test mutating func `an invited worker claims first, whatever its rank`() {
        #expect(Self.looks(handle(.placed(rank: PlacementMachine.Place.full + 1, alternate: nil))) == 0)
        #expect(Self.looks(handle(.invited(until: Self.start + .seconds(10)))) == 1)
        #expect(machine.phase == .watch)
        #expect(Self.claims(handle(.observed(Self.free, connection: 1))) == 1)
    }

    @Test mutating func `an invitation ends the wait of the second rank`() {
        _ = handle(.placed(rank: 2, alternate: nil))
        _ = handle(.observed(Self.free, connection: 1))
        #expect(Self.looks(handle(.invited(until: Self.start + .seconds(10)))) == 1)
        #expect(Self.claims(handle(.observed(Self.free, connection: 1))) == 1)
    }

    @Test mutating func `an invitation that has lapsed counts no longer`() {
        _ = handle(.invited(until: Self.start + .seconds(10)))
        _ = handle(.placed(rank: nil, alternate: nil))
        #expect(machine.phase == .watch)
        #expect(Self.claims(handle(.observed(Self.free, connection: 1), after: .seconds(10))) == 0)
        #expect(machine.phase == .idle)
    }

    private static func held(server: String = "") -> LeaseObservation {
        LeaseObservation(
            state: .held, holder: Incarnation(name: "a", random: 2), epoch: 4, renewals: 6, ttlMilliseconds: 6_000, phase: .live,
            preferred: nil,
            lastMilliseconds: 0, server: server, renewedAt: 900)
    }

    @Test mutating func `the first watcher claims what is freed without looking again`() {
        _ = handle(.placed(rank: 1, alternate: nil))
        #expect(Self.claims(handle(.observed(Self.held(), connection: 7))) == 0)
        let actions = handle(.freed(preferred: nil), after: .milliseconds(100))
        guard case .acquire(let acquisition, let connection)? = actions.first, actions.count == 1 else {
            return #expect(Bool(false), "\(actions)")
        }
        #expect(acquisition.mode == .free)
        #expect(acquisition.vacancy == .freed(at: 900))
        #expect(acquisition.seenEpoch == 4)
        #expect(connection == 7)
        // Somebody else was faster, or it was another freeing: what there is now is looked at.
        let changed = handle(.acquireReplied(.changed(holder: nil, epoch: 5, renewals: 0), sentAt: Self.start), after: .milliseconds(101))
        #expect(Self.looks(changed) == 1)
        #expect(Self.looks(handle(.freed(preferred: nil), after: .milliseconds(102))) == 1)
    }

    @Test mutating func `whom the feed is offered to claims it when it is freed, whatever the rank`() {
        _ = handle(.placed(rank: 2, alternate: nil))
        _ = handle(.invited(until: Self.start + .seconds(10)))
        _ = handle(.observed(Self.held(), connection: 1))
        #expect(Self.claims(handle(.freed(preferred: "b"), after: .milliseconds(100))) == 1)
    }

    @Test mutating func `who is not preferred looks when the head start is over`() {
        _ = handle(.placed(rank: 1, alternate: nil))
        _ = handle(.observed(Self.held(), connection: 1))
        #expect(handle(.freed(preferred: "c"), after: .milliseconds(100)) == [])
        #expect(machine.wakeAt == Self.start + .milliseconds(1100))
        // It is still free then: the one that was preferred did not come.
        #expect(Self.looks(handle(.timer, after: .milliseconds(1100))) == 1)
        #expect(Self.claims(handle(.observed(Self.free, connection: 1), after: .milliseconds(1101))) == 1)
    }

    @Test mutating func `the others look, and wait for their turn`() {
        _ = handle(.placed(rank: 2, alternate: nil))
        _ = handle(.observed(Self.held(), connection: 1))
        let actions = handle(.freed(preferred: nil), after: .milliseconds(100))
        #expect(Self.looks(actions) == 1)
        #expect(Self.claims(actions) == 0)
    }

    @Test mutating func `what cannot be relied on yet is looked at`() {
        _ = handle(.placed(rank: 1, alternate: nil))
        // Nothing was seen yet; then a record of another server process, met a moment ago.
        #expect(Self.looks(handle(.freed(preferred: nil))) == 1)
        let server = FeedMachine.Server(runID: "new", since: Self.start)
        _ = handle(.observed(Self.held(server: "old"), connection: 1, server: server))
        let actions = handle(.freed(preferred: nil), after: .milliseconds(100))
        #expect(Self.looks(actions) == 1)
        #expect(Self.claims(actions) == 0)
        // An observation belongs to its connection.
        _ = handle(.observed(Self.held(), connection: 1))
        _ = handle(.controlLost)
        #expect(Self.looks(handle(.freed(preferred: nil), after: .milliseconds(200))) == 1)
    }
}
