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
}
