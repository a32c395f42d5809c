import Coordination
import Testing

/// Section 6 of the coordination contract, transition by transition. Default timing: T 6000, H 4500, K 750.
@Suite struct FeedMachineTests {
    typealias Bench = FeedBench

    @Test(arguments: FeedStage.allCases) func `every stage is reached`(stage: FeedStage) {
        let phase: FeedMachine.Phase =
            switch stage {
            case .idle: .idle
            case .watching: .watch
            case .claiming: .claim
            case .waiting, .asking, .retrying: .held
            case .dialing: .dial
            case .beginning, .beginningEnded, .gatingAgain: .begin
            case .live, .softening: .live
            case .resuming, .resumingEnded: .resuming
            case .ending: .ending
            case .fenced: .fenced
            case .releasing: .drain
            case .finished: .finished
            }
        #expect(stage.reached().machine.phase == phase)
    }

    // MARK: Watching

    @Test func `a held feed is claimed when its pair has not changed for T since the receipt of the poll that first showed it`() {
        var bench = FeedStage.watching.reached()
        let record = Bench.record(.held, holder: Bench.other, epoch: 4, renewals: 7)
        bench.expect(.observed(record, connection: 3), at: 100, "", .watch)
        bench.expect(.observed(record, connection: 3), at: 6099, "", .watch)
        bench.expect(.observed(record, connection: 3), at: 6100, "acquire seen 4.7 on 3", .claim)
        #expect(bench.lastAcquisition?.delay == .seconds(2))
    }

    @Test func `a claim for which there is no room yet is made as soon as there is, without another T`() {
        var bench = FeedStage.watching.reached()
        let record = Bench.record(.held, holder: Bench.other, epoch: 4, renewals: 7)
        bench.expect(.observed(record, connection: 3), at: 100, "", .watch)
        bench.expect(.observed(record, connection: 3), at: 6100, "acquire seen 4.7 on 3", .claim)
        bench.expect(.claimNotMade, at: 6100, "", .watch)
        bench.expect(.observed(record, connection: 3), at: 6600, "acquire seen 4.7 on 3", .claim)
        bench.expect(.claimNotMade, at: 6600, "", .watch)
        let renewed = Bench.record(.held, holder: Bench.other, epoch: 4, renewals: 8)
        bench.expect(.observed(renewed, connection: 3), at: 7100, "", .watch)
        bench.expect(.observed(renewed, connection: 3), at: 13_099, "", .watch)
    }

    @Test func `a claim for which there is no room is dropped with the interest in the feed`() {
        var bench = FeedStage.claiming.reached()
        bench.expect(.placed(rank: nil, alternate: nil), at: 100, "", .claim)
        bench.expect(.claimNotMade, at: 110, "", .idle)
        bench = FeedStage.claiming.reached()
        bench.expect(.placed(rank: PlacementMachine.Place.full, alternate: nil), at: 100, "", .claim)
        bench.expect(.claimNotMade, at: 110, "", .watch)
    }

    struct Change: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var epoch = 4
        var renewals = 7
        var renewedAt: Int64 = 0
        var connection = 3
    }

    @Test(arguments: [
        Change(testDescription: "a renewal", renewals: 8), Change(testDescription: "the same numbers in an emptied data set", renewedAt: 9),
        Change(testDescription: "another epoch", epoch: 5),
        Change(testDescription: "another connection", connection: 4),
    ])
    func `whatever changes the pair or the connection starts the observation anew`(change: Change) {
        var bench = FeedStage.watching.reached()
        bench.expect(.observed(Bench.record(.held, holder: Bench.other, renewals: 7), connection: 3), at: 100, "", .watch)
        let changed = Bench.record(
            .held, holder: Bench.other, epoch: change.epoch, renewals: change.renewals, renewedAt: change.renewedAt)
        bench.expect(.observed(changed, connection: change.connection), at: 6100, "", .watch)
        bench.expect(.observed(changed, connection: change.connection), at: 12_099, "", .watch)
        bench.expect(
            .observed(changed, connection: change.connection), at: 12_100,
            "acquire seen \(change.epoch).\(change.renewals) on \(change.connection)", .claim)
    }

    @Test func `losing the control connection ends the observation`() {
        var bench = FeedStage.watching.reached()
        let record = Bench.record(.held, holder: Bench.other)
        bench.expect(.observed(record, connection: 3), at: 100, "", .watch)
        bench.expect(.controlLost, at: 200, "", .watch)
        bench.expect(.observed(record, connection: 3), at: 6100, "", .watch)
    }

    @Test func `a holder that declared a longer T is watched that long`() {
        var bench = FeedStage.watching.reached()
        let record = Bench.record(.held, holder: Bench.other, ttl: 15_000)
        bench.expect(.observed(record, connection: 1), at: 100, "", .watch)
        bench.expect(.observed(record, connection: 1), at: 15_099, "", .watch)
        bench.expect(.observed(record, connection: 1), at: 15_100, "acquire seen 4.0 on 1", .claim)
    }

    @Test func `a free feed is claimed at once by the first rank, and by the second after its stagger`() {
        var first = FeedStage.watching.reached()
        first.expect(.observed(Bench.record(.free), connection: 1), at: 100, "acquire free 4 on 1", .claim)
        #expect(first.lastAcquisition?.delay == .zero)
        var second = FeedStage.idle.reached()
        second.expect(.placed(rank: 2, alternate: nil), at: 0, "observe", .watch)
        second.expect(.observed(Bench.record(.free), connection: 1), at: 100, "", .watch)
        #expect(second.machine.wakeAt == at(250))
        second.expect(.timer, at: 250, "observe", .watch)
        // Once; a poll that gets no answer is followed by the next one.
        #expect(second.machine.wakeAt == nil)
        second.expect(.timer, at: 250, "", .watch)
        second.expect(.observed(Bench.record(.free), connection: 1), at: 251, "acquire free 4 on 1", .claim)
    }

    @Test func `a rank that changes during the stagger asks for the turn anew`() {
        var bench = FeedStage.idle.reached()
        bench.expect(.placed(rank: 2, alternate: nil), at: 0, "observe", .watch)
        bench.expect(.observed(Bench.record(.free), connection: 1), at: 100, "", .watch)
        bench.expect(.placed(rank: 1, alternate: nil), at: 110, "observe", .watch)
        bench.expect(.observed(Bench.record(.free), connection: 1), at: 111, "acquire free 4 on 1", .claim)
    }

    @Test func `who has no place does not watch`() {
        var bench = FeedStage.idle.reached()
        bench.expect(.placed(rank: PlacementMachine.Place.full + 1, alternate: nil), at: 0, "", .idle)
        bench.expect(.placed(rank: 2, alternate: nil), at: 1, "observe", .watch)
        bench.expect(.placed(rank: nil, alternate: nil), at: 2, "", .idle)
        bench.expect(.observed(Bench.record(.free), connection: 1), at: 3, "", .idle)
    }

    @Test(arguments: [(3, 200), (4, 250), (PlacementMachine.Place.full, 200)] as [(Int, Int64)])
    func `a free feed that nobody better takes is claimed by the ranks behind in their turn`(rank: Int, stagger: Int64) {
        var bench = FeedStage.idle.reached()
        bench.expect(.placed(rank: rank, alternate: nil), at: 0, "observe", .watch)
        bench.expect(.observed(Bench.record(.free, renewedAt: 77), connection: 1), at: 100, "", .watch)
        #expect(bench.machine.wakeAt == at(100 + stagger))
        bench.expect(.timer, at: 100 + stagger, "observe", .watch)
        bench.expect(.observed(Bench.record(.free, renewedAt: 77), connection: 1), at: 101 + stagger, "acquire free 4 on 1", .claim)
        #expect(bench.lastAcquisition?.vacancy == .freed(at: 77))
    }

    @Test func `when its holder has been silent for T the record is looked at once out of turn`() {
        var bench = FeedStage.watching.reached()
        let record = Bench.record(.held, holder: Bench.other, renewals: 7)
        bench.expect(.observed(record, connection: 1), at: 100, "", .watch)
        #expect(bench.machine.wakeAt == at(6100))
        bench.expect(.observed(Bench.record(.held, holder: Bench.other, renewals: 8), connection: 1), at: 1100, "", .watch)
        #expect(bench.machine.wakeAt == at(7100))
        bench.expect(.timer, at: 7099, "", .watch)
        bench.expect(.timer, at: 7100, "observe", .watch)
        #expect(bench.machine.wakeAt == nil)
        bench.expect(
            .observed(Bench.record(.held, holder: Bench.other, renewals: 8), connection: 1), at: 7101, "acquire seen 4.8 on 1", .claim)
        // What is freed meanwhile has a turn of its own.
        var second = FeedStage.idle.reached()
        second.expect(.placed(rank: 2, alternate: nil), at: 0, "observe", .watch)
        second.expect(.observed(record, connection: 1), at: 100, "", .watch)
        second.expect(.timer, at: 6100, "observe", .watch)
        second.expect(.observed(Bench.record(.free, renewals: 8), connection: 1), at: 6101, "", .watch)
        #expect(second.machine.wakeAt == at(6251))
    }

    @Test func `a claim tells what happened to the holder`() {
        func vacancy(_ record: LeaseObservation, isDead: Bool = false) -> Vacancy? {
            var bench = FeedStage.watching.reached()
            if isDead { _ = bench.handle(.deathProved(Bench.other), at: 10) }
            _ = bench.handle(.observed(record, connection: 1), at: 100)
            _ = bench.handle(.observed(record, connection: 1), at: 6100)
            return bench.lastAcquisition?.vacancy
        }
        let held = Bench.record(.held, holder: Bench.other)
        #expect(vacancy(Bench.record(.free, renewedAt: 5)) == .freed(at: 5))
        #expect(vacancy(held) == .lost)
        #expect(vacancy(held, isDead: true) == .lost)
        #expect(vacancy(Bench.record(.unknown, epoch: 0, ttl: 0)) == .neverHeld)
    }

    @Test func `what nobody ever held is left to the best placed first`() {
        let unknown = Bench.record(.unknown, epoch: 0, ttl: 0)
        var third = FeedStage.idle.reached { $0.claimsUnknownAtOnce = true }
        third.expect(.placed(rank: 3, alternate: nil), at: 0, "observe", .watch)
        third.expect(.observed(unknown, connection: 1), at: 100, "", .watch)
        #expect(third.machine.wakeAt == at(1100))
        third.expect(.observed(unknown, connection: 1), at: 1099, "", .watch)
        third.expect(.observed(unknown, connection: 1), at: 1100, "acquire seen 0.0 on 1", .claim)
        var full = FeedStage.idle.reached { $0.claimsUnknownAtOnce = true }
        full.expect(.placed(rank: PlacementMachine.Place.full, alternate: nil), at: 0, "observe", .watch)
        full.expect(.observed(unknown, connection: 1), at: 100, "acquire seen 0.0 on 1", .claim)
    }

    @Test func `a feed handed to somebody else is claimed after the head start`() {
        var bench = FeedStage.claiming.reached()
        bench.expect(.acquireReplied(.reserved(milliseconds: 700), sentAt: at(50)), at: 60, "observe", .watch)
        bench.expect(.observed(Bench.record(.free), connection: 1), at: 61, "", .watch)
        #expect(bench.machine.wakeAt == at(760))
        bench.expect(.timer, at: 760, "observe", .watch)
        bench.expect(.observed(Bench.record(.free), connection: 1), at: 761, "acquire free 4 on 1", .claim)
    }

    @Test func `a missing record is created, an unknown one observed for T`() {
        var bench = FeedStage.watching.reached()
        bench.expect(.observed(nil, connection: 1), at: 100, "initialise", .watch)
        let unknown = Bench.record(.unknown, epoch: 0, ttl: 0)
        bench.expect(.observed(unknown, connection: 1), at: 110, "", .watch)
        bench.expect(.observed(unknown, connection: 1), at: 6109, "", .watch)
        bench.expect(.observed(unknown, connection: 1), at: 6110, "acquire seen 0.0 on 1", .claim)
        var ours = FeedStage.watching.reached { $0.claimsUnknownAtOnce = true }
        ours.expect(.observed(unknown, connection: 1), at: 110, "acquire seen 0.0 on 1", .claim)
    }

    @Test func `a proof of death is acted on at once, whether it comes before or after the feed is watched`() {
        var bench = FeedStage.watching.reached()
        bench.expect(.observed(Bench.record(.held, holder: Bench.other), connection: 1), at: 100, "", .watch)
        bench.expect(.deathProved(Bench.other), at: 110, "observe", .watch)
        bench.expect(.observed(Bench.record(.held, holder: Bench.other), connection: 1), at: 111, "acquire dead b 4 on 1", .claim)
        #expect(bench.lastAcquisition?.delay == .zero)
        var early = FeedStage.idle.reached()
        early.expect(.deathProved(Bench.other), at: 0, "", .idle)
        early.expect(.placed(rank: 2, alternate: nil), at: 1, "observe", .watch)
        early.expect(.observed(Bench.record(.held, holder: Bench.other), connection: 1), at: 2, "acquire dead b 4 on 1", .claim)
    }

    @Test func `a wake-up makes a watcher look`() {
        var bench = FeedStage.watching.reached()
        bench.expect(.woken, at: 100, "observe", .watch)
        for stage in FeedStage.allCases where stage != .watching {
            var other = stage.reached()
            let phase = other.machine.phase
            other.expect(.woken, at: stage == .fenced ? 4600 : 100, "", phase)
            other.expect(.freed(preferred: nil), at: stage == .fenced ? 4600 : 100, "", phase)
        }
    }

    // MARK: Claiming

    @Test func `a grant is held from its send, and the gate asked when it says`() {
        var bench = FeedStage.claiming.reached()
        bench.expect(.acquireReplied(Bench.granted(wait: 0), sentAt: at(20)), at: 60, "hold 5 since 20, acquired 5, gate 5", .held)
        #expect(bench.machine.wakeAt == at(4520))
        #expect(bench.machine.token == Bench.token(5))
        #expect(bench.machine.isProved(now: at(4519)))
        #expect(!bench.machine.isProved(now: at(4520)))
        var later = FeedStage.claiming.reached()
        later.expect(.acquireReplied(Bench.granted(wait: 300), sentAt: at(20)), at: 60, "hold 5 since 20, acquired 5", .held)
        #expect(later.machine.wakeAt == at(360))
        later.expect(.timer, at: 359, "", .held)
        later.expect(.timer, at: 360, "gate 5", .held)
    }

    @Test func `a grant that says GO is a dial without another question`() {
        var bench = FeedStage.claiming.reached()
        bench.expect(.acquireReplied(Bench.granted(isGo: true), sentAt: at(20)), at: 60, "hold 5 since 20, acquired 5, dial", .dial)
        #expect(bench.machine.wakeAt == at(4520))
        bench.expect(.dialed, at: 70, "begin 5", .begin)
        var late = FeedStage.claiming.reached()
        late.expect(.acquireReplied(Bench.granted(isGo: true), sentAt: at(20)), at: 4520, "too late, let go, observe", .watch)
        var stopped = FeedStage.claiming.reached()
        stopped.expect(.stop(reason: "drain", preferred: nil), at: 30, "", .claim)
        _ = stopped.handle(.acquireReplied(Bench.granted(isGo: true), sentAt: at(20)), at: 60)
        #expect(stopped.machine.phase == .drain)
    }

    @Test func `a grant that comes later than its send + H is not used`() {
        var bench = FeedStage.claiming.reached()
        bench.expect(.acquireReplied(Bench.granted(), sentAt: at(50)), at: 4550, "too late, let go, observe", .watch)
        #expect(bench.machine.token == nil)
    }

    @Test func `a claim that fails leads back to watching`() {
        let changed = AcquireReply.changed(holder: Bench.other, epoch: 5, renewals: 0)
        var bench = FeedStage.claiming.reached()
        bench.expect(.acquireReplied(changed, sentAt: at(50)), at: 60, "observe", .watch)
        bench = FeedStage.claiming.reached()
        bench.expect(.acquireReplied(.missing, sentAt: at(50)), at: 60, "initialise, observe", .watch)
        bench = FeedStage.claiming.reached()
        bench.expect(.acquireReplied(.epochExhausted, sentAt: at(50)), at: 60, "no epochs", .idle)
        bench = FeedStage.claiming.reached()
        // At the next regular look, not at once: whatever made it fail is still there.
        bench.expect(.acquireFailed, at: 60, "", .watch)
        bench = FeedStage.claiming.reached()
        bench.expect(.placed(rank: nil, alternate: nil), at: 60, "", .claim)
        bench.expect(.acquireFailed, at: 61, "", .idle)
    }

    @Test func `a grant that nobody waits for is ignored`() {
        for stage in FeedStage.allCases where stage != .claiming {
            var bench = stage.reached()
            let phase = bench.machine.phase
            let now: Int64 = stage == .fenced ? 4600 : 100
            bench.expect(.acquireReplied(Bench.granted(99), sentAt: at(now)), at: now, "", phase)
            bench.expect(.acquireFailed, at: now, "", phase)
        }
    }

    // MARK: Gate, dial, begin

    @Test func `the gate's answers`() {
        var bench = FeedStage.asking.reached()
        bench.expect(reply: .gate(.go), at: 100, "dial", .dial)
        bench = FeedStage.asking.reached()
        bench.expect(reply: .gate(.due(milliseconds: 300)), at: 100, "", .held)
        bench.expect(.timer, at: 400, "gate 5", .held)
        bench = FeedStage.asking.reached()
        bench.expect(reply: .gate(.cooling(milliseconds: 3000)), at: 100, "cooling 3000", .held)
        bench.expect(.timer, at: 3100, "gate 5", .held)
        bench = FeedStage.asking.reached()
        bench.expect(reply: .gate(.notPending), at: 100, "disconnect 5 hard", .ending)
        bench = FeedStage.asking.reached()
        bench.expect(reply: .gate(.fenced), at: 100, "let go, drop, lost, observe", .watch)
    }

    @Test func `a websocket becomes live under the epoch that begin gives it`() {
        var bench = FeedStage.dialing.reached()
        bench.expect(.dialed, at: 100, "begin 5", .begin)
        bench.expect(
            reply: .begin(.opened(epoch: 6, lastMilliseconds: 1, now: 2)), at: 110, "token 6, publish under 6, read", .live)
        #expect(bench.machine.token == Bench.token(6))
        bench = FeedStage.beginning.reached()
        bench.expect(reply: .begin(.fenced), at: 110, "close, let go, drop, lost, observe", .watch)
        bench = FeedStage.beginning.reached()
        bench.expect(reply: .begin(.epochExhausted), at: 110, "no epochs, close, let go, drop, lost, observe", .watch)
    }

    @Test func `a failed attempt waits the connect delay, or as long as the exchange says`() {
        var bench = FeedStage.dialing.reached()
        bench.expect(.dialFailed(retryAfter: nil), at: 100, "attempt 1 failed, next in 2000, retry 5 in 2000", .held)
        bench.expect(reply: .retry(.waiting(pending: .due, milliseconds: 2000)), at: 110, "", .held)
        bench.expect(.timer, at: 2110, "gate 5", .held)
        bench.expect(reply: .gate(.go), at: 2120, "dial", .dial)
        bench.expect(.dialFailed(retryAfter: .seconds(30)), at: 2130, "attempt 2 failed, next in 30000, retry 5 in 30000", .held)
        bench.expect(reply: .retry(.live), at: 2140, "", .held)
        bench.expect(.timer, at: 2140, "gate 5", .held)
        bench = FeedStage.retrying.reached()
        bench.expect(reply: .retry(.fenced), at: 100, "let go, drop, lost, observe", .watch)
    }

    /// Fails one attempt and comes back to dialing; the wait that was asked for.
    private func fail(_ bench: inout Bench) -> String {
        let words = Bench.words(bench.handle(.dialFailed(retryAfter: nil), at: 100))
        _ = bench.handle(.replied(bench.lastCall, .retry(.waiting(pending: .due, milliseconds: 0))), at: 100)
        _ = bench.handle(.timer, at: 100)
        _ = bench.handle(.replied(bench.lastCall, .gate(.go)), at: 100)
        return words.split(separator: " ").last.map(String.init) ?? ""
    }

    @Test func `from the sixth attempt on the wait doubles up to its cap, until data come in`() {
        var bench = FeedStage.dialing.reached()
        var waits: [String] = []
        for _ in 1...11 { waits.append(fail(&bench)) }
        #expect(waits == ["2000", "2000", "2000", "2000", "2000", "4000", "8000", "16000", "32000", "60000", "60000"])
        _ = bench.handle(.dialed, at: 100)
        _ = bench.handle(.replied(bench.lastCall, .begin(.opened(epoch: 6, lastMilliseconds: 0, now: 0))), at: 100)
        bench.expect(.dataReceived, at: 100, "", .live)
        bench.expect(.socketEnded(reason: "closed"), at: 100, "disconnect 6 hard", .ending)
        bench.expect(reply: .disconnect(.ended(pending: .due, milliseconds: 0)), at: 100, "", .held)
        bench.expect(.timer, at: 100, "gate 6", .held)
        bench.expect(reply: .gate(.go), at: 100, "dial", .dial)
        let wait = fail(&bench)
        #expect(wait == "2000")
    }

    @Test func `a tail that is refused after the lease ran out is dropped, whatever is renewed afterwards`() {
        var bench = FeedStage.fenced.reached()
        bench.expect(.publishFenced, at: 7000, "let go, drop, lost, observe", .watch)
        bench.expect(.renewed(Bench.token(6), sentAt: at(6900)), at: 7010, "", .watch)
    }

    @Test func `a connect delay of zero backs off from the sixth attempt on, too`() {
        var bench = FeedStage.dialing.reached { $0.connectDelay = .zero...(.zero) }
        var waits: [String] = []
        for _ in 1...14 { waits.append(fail(&bench)) }
        #expect(waits == ["0", "0", "0", "0", "0", "1000", "2000", "4000", "8000", "16000", "32000", "60000", "60000", "60000"])
    }

    @Test func `an open websocket without data does not reset the attempts`() {
        var bench = FeedStage.dialing.reached()
        for _ in 1...5 { _ = fail(&bench) }
        _ = bench.handle(.dialed, at: 100)
        _ = bench.handle(.replied(bench.lastCall, .begin(.opened(epoch: 6, lastMilliseconds: 0, now: 0))), at: 100)
        _ = bench.handle(.socketEnded(reason: "closed"), at: 100)
        _ = bench.handle(.replied(bench.lastCall, .disconnect(.ended(pending: .due, milliseconds: 0))), at: 100)
        _ = bench.handle(.timer, at: 100)
        _ = bench.handle(.replied(bench.lastCall, .gate(.go)), at: 100)
        let wait = fail(&bench)
        #expect(wait == "4000")
    }

    @Test func `every third failed attempt hands over to another host, if there is one`() {
        var bench = FeedStage.dialing.reached()
        _ = bench.handle(.placed(rank: 1, alternate: "b"), at: 90)
        _ = fail(&bench)
        _ = fail(&bench)
        bench.expect(.dialFailed(retryAfter: nil), at: 100, "attempt 3 failed, next in 2000, release 5 to b", .drain)
        bench.expect(reply: .release(.released), at: 110, "let go, observe", .watch)
    }

    @Test func `what the exchange asked to wait holds for whoever connects next`() {
        func releasedWait(_ bench: inout Bench, _ event: FeedMachine.Event) -> Duration? {
            for action in bench.handle(event, at: 100) {
                if case .call(_, .release(_, _, let connect, _, _)) = action { return connect }
            }
            return nil
        }
        var bench = FeedStage.dialing.reached()
        _ = bench.handle(.placed(rank: 1, alternate: "b"), at: 90)
        _ = fail(&bench)
        _ = fail(&bench)
        #expect(releasedWait(&bench, .dialFailed(retryAfter: .seconds(90))) == .seconds(90))
        bench = FeedStage.dialing.reached()
        _ = bench.handle(.placed(rank: 1, alternate: "b"), at: 90)
        _ = fail(&bench)
        _ = fail(&bench)
        #expect(releasedWait(&bench, .dialFailed(retryAfter: nil)) == .seconds(2), "the drawn delay where nothing was asked")
    }

    @Test func `a bad message is the reason for which its websocket is closed`() {
        var bench = FeedStage.live.reached()
        _ = bench.handle(.softError(reason: "malformed message: x"), at: 100)
        let actions = bench.handle(.replied(bench.lastCall, .disconnect(.ended(pending: .due, milliseconds: 0))), at: 110)
        #expect(actions.contains(.closeSocket(reason: "malformed message: x")))
        #expect(actions.contains(.report(.replaced(reason: "malformed message: x"))), "it is logged")
    }

    @Test func `without an admission begin asks the gate again`() {
        var bench = FeedStage.beginning.reached()
        bench.expect(reply: .begin(.notConnecting), at: 100, "gate 5", .begin)
        bench.expect(reply: .gate(.go), at: 110, "begin 5", .begin)
        bench = FeedStage.gatingAgain.reached()
        bench.expect(reply: .gate(.due(milliseconds: 500)), at: 110, "close", .held)
        bench.expect(.timer, at: 610, "gate 5", .held)
        bench = FeedStage.gatingAgain.reached()
        bench.expect(reply: .gate(.cooling(milliseconds: 500)), at: 110, "close, cooling 500", .held)
        bench = FeedStage.gatingAgain.reached()
        bench.expect(reply: .gate(.notPending), at: 110, "close, disconnect 5 hard", .ending)
        bench = FeedStage.gatingAgain.reached()
        bench.expect(reply: .gate(.fenced), at: 110, "close, let go, drop, lost, observe", .watch)
    }

    @Test func `a websocket that ends while begin is under way is begun and ended`() {
        var bench = FeedStage.beginningEnded.reached()
        bench.expect(
            reply: .begin(.opened(epoch: 6, lastMilliseconds: 1, now: 2)), at: 110, "token 6, publish under 6, disconnect 6 hard", .ending)
        bench = FeedStage.beginningEnded.reached()
        bench.expect(reply: .begin(.notConnecting), at: 110, "gate 5", .begin)
        bench.expect(reply: .gate(.due(milliseconds: 500)), at: 120, "", .held)
        bench = FeedStage.gatingAgain.reached()
        bench.expect(.socketEnded(reason: "closed"), at: 110, "", .begin)
        bench.expect(reply: .gate(.go), at: 120, "attempt 1 failed, next in 2000, retry 5 in 2000", .held)
    }

    @Test func `a websocket that comes when it is no longer wanted is closed`() {
        for stage in FeedStage.allCases where stage != .dialing && stage != .fenced {
            var bench = stage.reached()
            let phase = bench.machine.phase
            bench.expect(.dialed, at: 100, "close", phase)
            bench.expect(.dialFailed(retryAfter: nil), at: 100, "", phase)
        }
    }

    // MARK: Disconnect

    @Test func `a soft error asks for the disconnect with reading paused`() {
        var bench = FeedStage.live.reached()
        bench.expect(.softError(reason: "malformed"), at: 100, "pause, disconnect 6 soft", .live)
        bench.expect(.softError(reason: "malformed"), at: 101, "", .live)
        bench.expect(reply: .disconnect(.ended(pending: .due, milliseconds: 1500)), at: 110, "replaced, close", .held)
        bench.expect(.timer, at: 1610, "gate 6", .held)
        bench = FeedStage.softening.reached()
        bench.expect(reply: .disconnect(.refused(milliseconds: 3000)), at: 110, "refused, read", .live)
        bench = FeedStage.softening.reached()
        bench.expect(reply: .disconnect(.gap(next: 4)), at: 110, "rewind to 4, read", .live)
        bench = FeedStage.softening.reached()
        bench.expect(reply: .disconnect(.fenced), at: 110, "read, resume 6", .resuming)
        bench = FeedStage.softening.reached()
        bench.expect(.socketEnded(reason: "closed"), at: 110, "disconnect 6 hard", .ending)
    }

    @Test func `a hard end is reported behind what is left, again from where the record stands`() {
        var bench = FeedStage.live.reached()
        bench.expect(.socketEnded(reason: "closed"), at: 100, "disconnect 6 hard", .ending)
        bench.expect(reply: .disconnect(.gap(next: 9)), at: 110, "rewind to 9, disconnect 6 hard", .ending)
        bench.expect(reply: .disconnect(.ended(pending: .cooling, milliseconds: 3000)), at: 120, "", .held)
        bench.expect(.timer, at: 3120, "gate 6", .held)
        bench = FeedStage.ending.reached()
        bench.expect(reply: .disconnect(.fenced), at: 110, "let go, drop, lost, observe", .watch)
    }

    // MARK: Resume

    @Test(arguments: [FeedStage.live, .softening])
    func `a missing record or a refused publish is answered with resume`(stage: FeedStage) {
        let read = stage == .softening ? "read, " : ""
        var bench = stage.reached()
        bench.expect(.renewFoundNothing(Bench.token(6)), at: 100, "\(read)resume 6", .resuming)
        bench = stage.reached()
        // An older record than ours, or a fresh one, refuses too.
        bench.expect(.renewRefused(Bench.token(6)), at: 100, "\(read)resume 6", .resuming)
        bench = stage.reached()
        bench.expect(.publishFenced, at: 100, "\(read)resume 6", .resuming)
        bench = stage.reached()
        bench.expect(.publishDisordered(topMilliseconds: 77), at: 100, "\(read)resume 6 renumbered above 77", .resuming)
    }

    @Test func `the answers to resume`() {
        var bench = FeedStage.resuming.reached()
        bench.expect(reply: .resume(.same(next: 3, lastMilliseconds: 1)), at: 110, "rewind to 3", .live)
        bench = FeedStage.resuming.reached()
        bench.expect(
            reply: .resume(.restored(epoch: 107, lastMilliseconds: 1, now: 2)), at: 110, "token 107, renumber under 107, resumed 107",
            .live)
        #expect(bench.machine.token == Bench.token(107))
        bench = FeedStage.resuming.reached()
        bench.expect(reply: .resume(.fenced), at: 110, "close, let go, drop, lost, observe", .watch)
        bench = FeedStage.resuming.reached()
        bench.expect(reply: .resume(.epochExhausted), at: 110, "no epochs, close, let go, drop, lost, observe", .watch)
        bench = FeedStage.resuming.reached()
        bench.expect(.socketEnded(reason: "closed"), at: 110, "", .resuming)
        bench.expect(reply: .resume(.same(next: 3, lastMilliseconds: 1)), at: 120, "rewind to 3, disconnect 6 hard", .ending)
        bench = FeedStage.resumingEnded.reached()
        bench.expect(
            reply: .resume(.restored(epoch: 107, lastMilliseconds: 1, now: 2)), at: 110,
            "token 107, renumber under 107, resumed 107, disconnect 107 hard", .ending)
    }

    @Test(arguments: FeedStage.allCases) func `without an open websocket a missing record is a lost lease`(stage: FeedStage) {
        var bench = stage.reached()
        guard let token = bench.machine.token else { return }
        let phase = bench.machine.phase
        let now: Int64 = stage == .fenced ? 4600 : 100
        // A renewal that showed an older token says nothing.
        bench.expect(.renewFoundNothing(Bench.token(1)), at: now, "", phase)
        bench.expect(.renewRefused(Bench.token(1)), at: now, "", phase)
        switch stage {
        case .live, .softening: return
        case .resuming, .resumingEnded, .beginning, .beginningEnded, .gatingAgain, .releasing:
            bench.expect(.renewFoundNothing(token), at: now, "", phase)
        case .dialing: bench.expect(.renewFoundNothing(token), at: now, "cancel dial, let go, drop, lost, observe", .watch)
        default: bench.expect(.renewFoundNothing(token), at: now, "let go, drop, lost, observe", .watch)
        }
    }

    @Test(arguments: FeedStage.allCases) func `a refused renewal gives the feed up where no websocket is open`(stage: FeedStage) {
        var bench = stage.reached()
        guard let token = bench.machine.token else { return }
        let phase = bench.machine.phase
        switch stage {
        case .live, .softening: return
        // The record may already carry the next token: the reply decides.
        case .beginning, .beginningEnded, .gatingAgain, .resuming, .resumingEnded, .releasing:
            bench.expect(.renewRefused(token), at: 100, "", phase)
        case .dialing: bench.expect(.renewRefused(token), at: 100, "cancel dial, let go, drop, lost, observe", .watch)
        default: bench.expect(.renewRefused(token), at: stage == .fenced ? 4600 : 100, "let go, drop, lost, observe", .watch)
        }
    }

    // MARK: Deadline

    @Test(arguments: FeedStage.allCases) func `at the deadline the websocket is closed, whatever is going on`(stage: FeedStage) {
        var bench = stage.reached()
        let phase = bench.machine.phase
        if bench.machine.isProved(now: at(4499)) {
            let wake = bench.machine.wakeAt ?? at(9999)
            #expect(wake <= at(4500))
        }
        let (words, next): (String, FeedMachine.Phase) =
            switch stage {
            case .idle, .watching, .claiming, .finished, .fenced: ("", phase)
            case .live, .softening: ("close by 5250, self-fenced", .fenced)
            case .ending: ("self-fenced", .fenced)
            case .beginning, .gatingAgain, .resuming: ("close by 5250, self-fenced, let go, drop, observe", .watch)
            case .dialing: ("cancel dial, self-fenced, let go, drop, observe", .watch)
            case .waiting, .asking, .retrying, .beginningEnded, .resumingEnded: ("self-fenced, let go, drop, observe", .watch)
            case .releasing: ("self-fenced, let go, finished", .finished)
            }
        bench.expect(.timer, at: 4500, words, next)
    }

    @Test(arguments: FeedStage.allCases) func `whatever happens late, the first act is to close`(stage: FeedStage) {
        var bench = stage.reached()
        guard bench.machine.isProved(now: at(4499)), [.live, .softening, .resuming, .beginning, .gatingAgain].contains(stage) else {
            return
        }
        let actions = Bench.words(bench.handle(.replied(bench.lastCall, .gate(.go)), at: 4501))
        #expect(actions.hasPrefix("close by 5250, self-fenced"))
    }

    @Test func `renewals move the deadline from their send on, and never back`() {
        var bench = FeedStage.live.reached()
        bench.expect(.renewed(Bench.token(6), sentAt: at(1000)), at: 1700, "", .live)
        #expect(bench.machine.wakeAt == at(5500))
        bench.expect(.renewed(Bench.token(6), sentAt: at(900)), at: 1800, "", .live)
        bench.expect(.renewed(Bench.token(5), sentAt: at(1500)), at: 1810, "", .live)
        #expect(bench.machine.wakeAt == at(5500))
        bench.expect(.outageProved(sentAt: at(2000)), at: 2001, "", .live)
        #expect(bench.machine.wakeAt == at(6500))
        bench.expect(.timer, at: 6499, "", .live)
        bench.expect(.timer, at: 6500, "close by 7250, self-fenced", .fenced)
    }

    @Test(arguments: FeedStage.allCases) func `a renewal or an outage proof extends the lease in every stage that has one`(stage: FeedStage)
    {
        var bench = stage.reached()
        let phase = bench.machine.phase
        guard let token = bench.machine.token, stage != .fenced else {
            bench.expect(.outageProved(sentAt: at(4600)), at: 4600, "", phase)
            #expect(!bench.machine.isProved(now: at(4600)))
            return
        }
        bench.expect(.renewed(token, sentAt: at(90)), at: 100, "", phase)
        #expect(bench.machine.isProved(now: at(4589)))
        bench.expect(.outageProved(sentAt: at(190)), at: 200, "", phase)
        #expect(bench.machine.isProved(now: at(4689)))
        #expect(!bench.machine.isProved(now: at(4690)))
    }

    @Test func `a lease that proves to be ours after the self-fence publishes the tail and reports the disconnect`() {
        var bench = FeedStage.fenced.reached()
        bench.expect(.renewed(Bench.token(6), sentAt: at(4600)), at: 4610, "regained, disconnect 6 hard", .ending)
        #expect(bench.machine.isProved(now: at(9099)))
        bench.expect(reply: .disconnect(.ended(pending: .due, milliseconds: 100)), at: 4700, "", .held)
        bench.expect(.timer, at: 4800, "gate 6", .held)
        // The same when the proof is what tells of the deadline.
        bench = FeedStage.live.reached()
        bench.expect(
            .renewed(Bench.token(6), sentAt: at(4400)), at: 4510, "close by 5250, self-fenced, regained, disconnect 6 hard", .ending)
    }

    @Test func `a proof that is too old itself does not end the self-fence`() {
        var bench = FeedStage.fenced.reached()
        bench.expect(.renewed(Bench.token(6), sentAt: at(4400)), at: 8900, "", .fenced)
    }

    @Test func `one T after the self-fence the tail is dropped`() {
        var bench = FeedStage.fenced.reached()
        #expect(bench.machine.wakeAt == at(10_500))
        bench.expect(.timer, at: 10_499, "", .fenced)
        bench.expect(.timer, at: 10_500, "let go, drop, observe", .watch)
        bench = FeedStage.fenced.reached()
        bench.expect(.renewRefused(Bench.token(6)), at: 4600, "let go, drop, lost, observe", .watch)
        bench = FeedStage.fenced.reached()
        bench.expect(.renewFoundNothing(Bench.token(6)), at: 4600, "let go, drop, lost, observe", .watch)
    }

    // MARK: Stop

    @Test(arguments: FeedStage.allCases) func `stop gives the feed up in order in every stage`(stage: FeedStage) {
        var bench = stage.reached()
        let phase = bench.machine.phase
        let now: Int64 = stage == .fenced ? 4600 : 100
        let (words, next): (String, FeedMachine.Phase) =
            switch stage {
            case .idle, .watching: ("let go, finished", .finished)
            case .finished, .releasing: ("", phase)
            case .claiming, .beginning, .beginningEnded, .gatingAgain, .resuming, .resumingEnded: ("", phase)
            case .waiting, .asking, .retrying: ("release 5 to b", .drain)
            case .ending: ("release 6 to b", .drain)
            case .dialing: ("cancel dial, release 5 to b", .drain)
            case .live, .softening: ("pause, close, release 6 to b", .drain)
            case .fenced: ("let go, drop, let go, finished", .finished)
            }
        bench.expect(.stop(reason: "move", preferred: "b"), at: now, words, next)
        bench.expect(.stop(reason: "again", preferred: "c"), at: now, "", next)
        bench.expect(.placed(rank: 1, alternate: nil), at: now, "", next)
        if next == .drain { bench.expect(reply: .release(.released), at: 110, "let go, finished", .finished) }
    }

    @Test func `what was under way when stop came is completed and released`() {
        var bench = FeedStage.claiming.reached()
        _ = bench.handle(.stop(reason: "move", preferred: "b"), at: 60)
        bench.expect(.acquireReplied(Bench.granted(), sentAt: at(50)), at: 70, "hold 5 since 50, acquired 5, release 5 to b", .drain)
        bench.expect(reply: .release(.notHeld), at: 80, "let go, finished", .finished)
        bench = FeedStage.claiming.reached()
        _ = bench.handle(.stop(reason: "move", preferred: nil), at: 60)
        bench.expect(.acquireFailed, at: 70, "finished", .finished)
        bench = FeedStage.claiming.reached()
        _ = bench.handle(.stop(reason: "move", preferred: nil), at: 60)
        bench.expect(.acquireReplied(.epochExhausted, sentAt: at(50)), at: 70, "no epochs, finished", .finished)
        bench = FeedStage.beginning.reached()
        _ = bench.handle(.stop(reason: "move", preferred: nil), at: 60)
        bench.expect(
            reply: .begin(.opened(epoch: 6, lastMilliseconds: 1, now: 2)), at: 70, "token 6, publish under 6, close, release 6", .drain)
        bench = FeedStage.beginningEnded.reached()
        _ = bench.handle(.stop(reason: "move", preferred: nil), at: 60)
        bench.expect(reply: .begin(.opened(epoch: 6, lastMilliseconds: 1, now: 2)), at: 70, "token 6, publish under 6, release 6", .drain)
        bench = FeedStage.gatingAgain.reached()
        _ = bench.handle(.stop(reason: "move", preferred: nil), at: 60)
        bench.expect(reply: .gate(.cooling(milliseconds: 50_000)), at: 70, "close, release 5", .drain)
        bench = FeedStage.gatingAgain.reached()
        _ = bench.handle(.stop(reason: "move", preferred: nil), at: 60)
        bench.expect(reply: .gate(.due(milliseconds: 5000)), at: 70, "close, release 5", .drain)
        bench = FeedStage.resuming.reached()
        _ = bench.handle(.stop(reason: "move", preferred: nil), at: 60)
        bench.expect(reply: .resume(.same(next: 3, lastMilliseconds: 0)), at: 70, "rewind to 3, close, release 6", .drain)
        bench = FeedStage.resuming.reached()
        _ = bench.handle(.stop(reason: "move", preferred: nil), at: 60)
        bench.expect(reply: .resume(.fenced), at: 70, "close, let go, drop, lost, finished", .finished)
        bench = FeedStage.live.reached()
        _ = bench.handle(.stop(reason: "move", preferred: nil), at: 60)
        bench.expect(.publishFenced, at: 70, "let go, finished", .finished)
    }

    // MARK: Calls

    @Test(arguments: FeedStage.allCases) func `replies and failures of old calls are ignored`(stage: FeedStage) {
        var bench = stage.reached()
        let phase = bench.machine.phase
        let wake = bench.machine.wakeAt
        let now: Int64 = stage == .fenced ? 4600 : 100
        for old in [0, bench.lastCall - 1, bench.lastCall + 1] {
            bench.expect(.replied(old, .gate(.fenced)), at: now, "", phase)
            bench.expect(.replied(old, .release(.released)), at: now, "", phase)
            bench.expect(.callFailed(old), at: now, "", phase)
        }
        #expect(bench.machine.wakeAt == wake)
    }

    @Test(arguments: FeedStage.calling) func `a lost call is repeated as it was, when the link is up or after 100 ms`(stage: FeedStage) {
        var bench = stage.reached()
        let phase = bench.machine.phase
        let call: String =
            switch stage {
            case .asking, .gatingAgain: "gate 5"
            case .retrying: "retry 5 in 2000"
            case .beginning, .beginningEnded: "begin 5"
            case .softening: "disconnect 6 soft"
            case .resuming, .resumingEnded: "resume 6"
            case .ending: "disconnect 6 hard"
            default: "release 6"
            }
        let lost = bench.lastCall
        bench.expect(.linkUp, at: 100, "", phase)
        bench.expect(.callFailed(lost), at: 100, "", phase)
        #expect(bench.machine.wakeAt == at(200))
        bench.expect(.timer, at: 199, "", phase)
        bench.expect(.timer, at: 200, call, phase)
        #expect(bench.lastCall > lost)
        bench.expect(.callFailed(bench.lastCall), at: 210, "", phase)
        bench.expect(.linkUp, at: 220, call, phase)
        bench.expect(.linkUp, at: 230, "", phase)
        bench.expect(.timer, at: 310, "", phase)
    }

    @Test func `reconnecting the link means nothing where no call is lost`() {
        for stage in FeedStage.allCases {
            var bench = stage.reached()
            let phase = bench.machine.phase
            bench.expect(.linkUp, at: stage == .fenced ? 4600 : 100, "", phase)
        }
    }
}
