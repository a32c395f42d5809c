import Coordination
import RedisClient
import Testing

func at(_ milliseconds: Int64) -> LocalTime { LocalTime(nanoseconds: 1_000_000_000_000 + milliseconds * 1_000_000) }

/// Default timing: T 6000, R 1000, Q 800, H 4500, K 750.
@Suite struct RenewalKeeperTests {
    private let me = Incarnation(name: "w", random: 1)
    private let feed = Keys().feed(FeedName("binance"), group: "binance")

    private func token(_ epoch: Int) -> Token { Token(incarnation: me, epoch: epoch) }
    private func healthy(_ now: LocalTime) -> (FeedName) -> RenewalKeeper.Progress {
        { _ in RenewalKeeper.Progress(tickedAt: now, unacknowledgedSince: nil) }
    }

    /// A keeper with the lease of `binance`, epoch 1, granted by an acquire sent at 0.
    private func holding(isDirect: Bool = false) -> RenewalKeeper {
        var keeper = RenewalKeeper(timing: LeaseTiming(), isDirect: isDirect)
        _ = keeper.hold(feed, token: token(1), sentAt: at(0), now: at(5))
        return keeper
    }

    private func round(_ keeper: inout RenewalKeeper, at now: Int64) -> [RenewalKeeper.Batch] {
        keeper.woken(now: at(now), progress: healthy(at(now))).batches
    }

    @Test func `a grant may be trusted until its send + H, and is renewed after R`() {
        var keeper = RenewalKeeper(timing: LeaseTiming(), isDirect: false)
        let actions = keeper.hold(feed, token: token(1), sentAt: at(0), now: at(300))
        #expect(actions == [.wake(at(1000))])
        #expect(keeper.deadline(of: feed.feed) == at(4500))
        #expect(round(&keeper, at: 999) == [])
        let batches = round(&keeper, at: 1000)
        #expect(batches.map(\.call) == [RenewCall(leases: [RenewCall.Lease(feed: feed, token: token(1))])])
        #expect(batches.map(\.sentAt) == [at(1000)])
    }

    @Test func `leases of several budget groups go into one call where there is but one server, and into one each where there are more`() {
        let other = Keys().feed(FeedName("kraken"), group: "kraken")
        var keeper = holding()
        _ = keeper.hold(other, token: token(1), sentAt: at(0), now: at(5))
        _ = keeper.connected(now: at(100), isOneServer: true)
        let together = round(&keeper, at: 100)
        #expect(together.map { $0.call.leases.map(\.feed) } == [[feed, other]])
        // Nothing is sent twice while it is under way, and both are confirmed by the one reply.
        #expect(round(&keeper, at: 1100) == [])
        _ = keeper.replied(together[0], [.renewed, .renewed], now: at(1150))
        #expect(keeper.deadline(of: feed.feed) == at(4600) && keeper.deadline(of: other.feed) == at(4600))
        _ = keeper.drop(feed.feed, now: at(1160))
        #expect(round(&keeper, at: 1160).map { $0.call.leases.map(\.feed) } == [[other]])
        // The next server is one of several.
        _ = keeper.connectionLost(now: at(1200))
        _ = keeper.hold(feed, token: token(2), sentAt: at(1200), now: at(1210))
        _ = keeper.connected(now: at(1300), isOneServer: false)
        #expect(round(&keeper, at: 1300).map { $0.call.leases.map(\.feed) } == [[feed], [other]])
    }

    @Test func `a timer that comes early is asked for again`() {
        var keeper = holding()
        #expect(keeper.woken(now: at(999), progress: healthy(at(999))) == [.wake(at(1000))])
        #expect(round(&keeper, at: 1000).count == 1)
    }

    @Test func `the dead-man watches a websocket until it is closed, though its lease has ended`() {
        var keeper = holding()
        _ = keeper.socketOpening(feed.feed, now: at(10))
        #expect(!keeper.drop(feed.feed, now: at(20)).contains(.disarmDeadman))
        #expect(keeper.socketClosed(feed.feed, now: at(120)) == [.disarmDeadman])
    }

    @Test func `a renewal that was confirmed while the expired websocket was being closed counts once it is`() {
        var keeper = holding()
        _ = keeper.socketOpening(feed.feed, now: at(10))
        let batch = round(&keeper, at: 4400)[0]
        #expect(keeper.woken(now: at(4500), progress: healthy(at(4500))).events == [.expired(feed.feed, token(1))])
        _ = keeper.replied(batch, [.renewed], now: at(4510))
        #expect(keeper.deadline(of: feed.feed) == at(4500))
        _ = keeper.socketClosed(feed.feed, now: at(4600))
        #expect(keeper.deadline(of: feed.feed) == at(8900))
        // The next websocket may be opened, and is watched.
        #expect(keeper.socketOpening(feed.feed, now: at(5000))?.contains(.armDeadman(at(9650))) == true)
    }

    @Test func `a grant that comes at its deadline or later is not used`() {
        var keeper = RenewalKeeper(timing: LeaseTiming(), isDirect: false)
        #expect(keeper.hold(feed, token: token(1), sentAt: at(0), now: at(4500)) == [.event(.expired(feed.feed, token(1)))])
        #expect(keeper.deadline(of: feed.feed) == nil)
        #expect(keeper.socketOpening(feed.feed, now: at(4500)) == nil)
    }

    @Test func `a confirmation counts from the send of its renewal, however late the reply`() {
        var keeper = holding()
        let batch = round(&keeper, at: 1000)[0]
        let actions = keeper.replied(batch, [.renewed], now: at(1790))
        #expect(actions.events == [.confirmed(feed.feed, token(1), sentAt: at(1000), deadline: at(5500))])
        #expect(keeper.deadline(of: feed.feed) == at(5500))
    }

    @Test func `replies that overtake one another never move a deadline back`() {
        var keeper = holding()
        let old = round(&keeper, at: 1000)[0]
        _ = keeper.failed(old, .timeout, now: at(1800))
        let new = round(&keeper, at: 2000)[0]
        _ = keeper.replied(new, [.renewed], now: at(2010))
        _ = keeper.replied(old, [.renewed], now: at(2020))
        #expect(keeper.deadline(of: feed.feed) == at(6500))
    }

    @Test func `leases are renewed by budget group, 200 a call, one round at a time`() {
        var keeper = RenewalKeeper(timing: LeaseTiming(), isDirect: false)
        for number in 0..<450 {
            _ = keeper.hold(Keys().feed(FeedName("a/\(number)"), group: "a"), token: token(1), sentAt: at(0), now: at(1))
        }
        _ = keeper.hold(Keys().feed(FeedName("b"), group: "b"), token: token(1), sentAt: at(500), now: at(501))
        let first = round(&keeper, at: 1000)
        #expect(first.map(\.call.leases.count) == [200, 200, 50])
        #expect(Set(first.flatMap { $0.call.leases.map(\.feed.group) }) == ["a"])
        #expect(Set(first.flatMap { $0.call.leases.map(\.feed.feed) }).count == 450)
        let second = round(&keeper, at: 1500)
        #expect(second.map { $0.call.leases.map(\.feed.feed.text) } == [["b"]])
        // No answer to one of three: the group's next round waits for it.
        for batch in first.prefix(2) {
            _ = keeper.replied(batch, batch.call.leases.map { _ in .renewed }, now: at(1600))
        }
        #expect(round(&keeper, at: 2000) == [])
        _ = keeper.replied(first[2], first[2].call.leases.map { _ in .renewed }, now: at(2100))
        #expect(round(&keeper, at: 2100).count == 3)
    }

    @Test func `refused and missing are told with the token that was shown, and keep what was confirmed`() {
        var keeper = holding()
        let batch = round(&keeper, at: 1000)[0]
        // begin changed the token while the renewal was under way.
        keeper.replaceToken(of: feed.feed, with: token(2))
        #expect(keeper.replied(batch, [.refused], now: at(1010)).events == [.refused(feed.feed, token(1))])
        #expect(keeper.deadline(of: feed.feed) == at(4500))
        let next = round(&keeper, at: 2000)[0]
        #expect(next.call.leases.map(\.token) == [token(2)])
        #expect(keeper.replied(next, [.missing], now: at(2010)).events == [.missing(feed.feed, token(2))])
        #expect(keeper.deadline(of: feed.feed) == at(4500))
    }

    @Test func `nothing is told of a lease that was dropped while its renewal was under way`() {
        var keeper = holding()
        let batch = round(&keeper, at: 1000)[0]
        _ = keeper.drop(feed.feed, now: at(1005))
        #expect(keeper.replied(batch, [.refused], now: at(1010)).events == [])
        #expect(round(&keeper, at: 2000) == [])
    }

    @Test func `a passed deadline is told once, and nothing is sent while the websocket is open`() {
        var keeper = holding()
        _ = keeper.socketOpening(feed.feed, now: at(10))
        let batch = round(&keeper, at: 1000)[0]
        _ = keeper.failed(batch, .timeout, now: at(1800))
        #expect(keeper.woken(now: at(4499), progress: healthy(at(4499))).events == [])
        let passed = keeper.woken(now: at(4500), progress: healthy(at(4500)))
        #expect(passed.events == [.expired(feed.feed, token(1))])
        #expect(passed.batches == [])
        #expect(keeper.woken(now: at(6000), progress: healthy(at(6000))).events == [])
        #expect(keeper.socketOpening(feed.feed, now: at(6000))?.events == [.expired(feed.feed, token(1))])
    }

    @Test func `the first act of every verb is to see whether the deadline has passed`() {
        var keeper = holding()
        _ = keeper.socketOpening(feed.feed, now: at(10))
        let batch = round(&keeper, at: 1000)[0]
        // The process was stopped; the reply lay in the socket. Its deadline of 5500 would still be ahead, but that of the open
        // websocket has passed.
        let actions = keeper.replied(batch, [.renewed], now: at(4600))
        #expect(actions.events.first == .expired(feed.feed, token(1)))
        #expect(keeper.deadline(of: feed.feed) == at(4500))
    }

    @Test func `an expired lease whose websocket is closed asks on, and a confirmation makes it good again`() {
        var keeper = holding()
        _ = keeper.socketOpening(feed.feed, now: at(10))
        _ = keeper.failed(round(&keeper, at: 1000)[0], .timeout, now: at(1800))
        _ = keeper.woken(now: at(4500), progress: healthy(at(4500)))
        #expect(keeper.socketClosed(feed.feed, now: at(4600)).contains(.disarmDeadman))
        let batch = round(&keeper, at: 6000)
        #expect(batch.count == 1)
        _ = keeper.replied(batch[0], [.renewed], now: at(6010))
        #expect(keeper.deadline(of: feed.feed) == at(10_500))
        #expect(keeper.socketOpening(feed.feed, now: at(6020))?.events == [])
    }

    @Test func `the dead-man follows the earliest deadline + K of the open websockets`() {
        var keeper = RenewalKeeper(timing: LeaseTiming(), isDirect: false)
        let other = Keys().feed(FeedName("binance/2"), group: "binance")
        _ = keeper.hold(feed, token: token(1), sentAt: at(0), now: at(1))
        _ = keeper.hold(other, token: token(1), sentAt: at(100), now: at(101))
        #expect(keeper.socketOpening(other.feed, now: at(150))?.first == .armDeadman(at(5350)))
        #expect(keeper.socketOpening(feed.feed, now: at(160))?.first == .armDeadman(at(5250)))
        let batch = round(&keeper, at: 1000)[0]
        #expect(keeper.replied(batch, [.renewed, .missing], now: at(1010)).first == .armDeadman(at(5350)))
        #expect(keeper.socketClosed(other.feed, now: at(1020)).first == .armDeadman(at(6250)))
        #expect(keeper.socketClosed(feed.feed, now: at(1030)).first == .disarmDeadman)
    }

    @Test func `a lease is not renewed while its loop's tick is 1.5 s old`() {
        var keeper = holding()
        let stalled = keeper.woken(now: at(2000)) { _ in .init(tickedAt: at(500), unacknowledgedSince: nil) }
        #expect(stalled.batches == [])
        #expect(stalled.events == [.stalled(feed.feed, .loop(age: .milliseconds(1500)))])
        #expect(keeper.woken(now: at(3000)) { _ in .init(tickedAt: at(500), unacknowledgedSince: nil) }.events == [])
        let going = keeper.woken(now: at(4000)) { _ in .init(tickedAt: at(2501), unacknowledgedSince: nil) }
        #expect(going.batches.count == 1)
        #expect(going.events == [.progressing(feed.feed)])
    }

    @Test func `a lease is not renewed while a publish hangs longer than H and Redis answers renewals`() {
        var keeper = holding()
        for second in 1...5 {
            let now = Int64(second) * 1000
            let actions = keeper.woken(now: at(now)) { _ in .init(tickedAt: at(now), unacknowledgedSince: at(200)) }
            // The first answer came at 1005; H later is 5505.
            #expect(actions.batches.count == 1, "at \(now)")
            for batch in actions.batches { _ = keeper.replied(batch, [.renewed], now: at(now + 5)) }
        }
        let stuck = keeper.woken(now: at(6000)) { _ in .init(tickedAt: at(6000), unacknowledgedSince: at(200)) }
        #expect(stuck.batches == [])
        #expect(stuck.events == [.stalled(feed.feed, .publish(age: .milliseconds(4995)))])
    }

    @Test func `a publish that hangs because Redis is away stops no renewal`() {
        var keeper = holding(isDirect: true)
        _ = keeper.replied(round(&keeper, at: 1000)[0], [.renewed], now: at(1005))
        _ = keeper.connectionLost(now: at(1500))
        for second in 2...20 { _ = keeper.outageProof(sentAt: at(Int64(second) * 1000), now: at(Int64(second) * 1000 + 1)) }
        _ = keeper.connected(now: at(20_500))
        let actions = keeper.woken(now: at(20_500)) { _ in .init(tickedAt: at(20_500), unacknowledgedSince: at(1400)) }
        #expect(actions.batches.count == 1)
    }

    @Test func `a broken connection is told once, and the new one renews everything at once`() {
        var keeper = holding()
        let batch = round(&keeper, at: 1000)[0]
        #expect(keeper.connectionLost(now: at(1200)).events == [.unconfirmed(feed.feed, token(1), .connectionLost)])
        #expect(keeper.connectionLost(now: at(1250)) == [])
        // Its answer will not come any more; a failure of it says nothing new.
        #expect(keeper.failed(batch, .connectionLost, now: at(1260)) == [])
        #expect(round(&keeper, at: 2000) == [])
        #expect(keeper.connected(now: at(2300)).contains(.wake(at(2300))))
        let again = round(&keeper, at: 2300)
        #expect(again.count == 1)
        _ = keeper.replied(again[0], [.renewed], now: at(2310))
        #expect(keeper.deadline(of: feed.feed) == at(6800))
    }

    @Test(arguments: [RedisError.Code.misconfigured, .noReplicas, .readOnly, .busy, .maxClients, .loading, .timeout])
    func `an error to a renewal proves nothing: the deadline stays, and is told`(code: RedisError.Code) {
        var keeper = holding(isDirect: true)
        let batch = round(&keeper, at: 1000)[0]
        #expect(keeper.failed(batch, code, now: at(1010)).events == [.unconfirmed(feed.feed, token(1), code)])
        #expect(keeper.deadline(of: feed.feed) == at(4500))
        // Told once until the next confirmation.
        #expect(keeper.failed(round(&keeper, at: 2000)[0], code, now: at(2010)).events == [])
        _ = keeper.replied(round(&keeper, at: 3000)[0], [.renewed], now: at(3010))
        #expect(keeper.failed(round(&keeper, at: 4000)[0], code, now: at(4010)).events == [.unconfirmed(feed.feed, token(1), code)])
    }

    @Test func `a slot on the move is renewed one lease at a time`() {
        var keeper = holding()
        let other = Keys().feed(FeedName("binance/2"), group: "binance")
        _ = keeper.hold(other, token: token(3), sentAt: at(10), now: at(11))
        let batch = round(&keeper, at: 1000)[0]
        let singles = keeper.failed(batch, .tryAgain, now: at(1010)).batches
        #expect(singles.map { $0.call.leases.map(\.token) } == [[token(1)], [token(3)]])
        #expect(singles.map(\.sentAt) == [at(1010), at(1010)])
        _ = keeper.replied(singles[0], [.renewed], now: at(1020))
        #expect(keeper.failed(singles[1], .tryAgain, now: at(1020)).events == [.unconfirmed(other.feed, token(3), .tryAgain)])
        #expect(keeper.deadline(of: feed.feed) == at(5510))
        #expect(round(&keeper, at: 2000).map(\.call.leases.count) == [2])
    }

    @Test func `a refused connect of the gone process extends the lease to its own send + H`() {
        var keeper = holding(isDirect: true)
        _ = keeper.socketOpening(feed.feed, now: at(10))
        _ = keeper.connectionLost(now: at(2000))
        #expect(keeper.outageProof(sentAt: at(2100), now: at(2110)).first == .armDeadman(at(7350)))
        #expect(keeper.deadline(of: feed.feed) == at(6600))
    }

    @Test func `no proof: a proxy in between, a connection that stands, a connect sent before the loss, a deadline that has passed`() {
        var proxied = holding(isDirect: false)
        _ = proxied.connectionLost(now: at(2000))
        _ = proxied.outageProof(sentAt: at(2100), now: at(2110))
        #expect(proxied.deadline(of: feed.feed) == at(4500))

        var standing = holding(isDirect: true)
        _ = standing.outageProof(sentAt: at(2100), now: at(2110))
        #expect(standing.deadline(of: feed.feed) == at(4500))

        var early = holding(isDirect: true)
        _ = early.connectionLost(now: at(2000))
        _ = early.outageProof(sentAt: at(1999), now: at(2110))
        #expect(early.deadline(of: feed.feed) == at(4500))

        var late = holding(isDirect: true)
        _ = late.connectionLost(now: at(2000))
        #expect(late.outageProof(sentAt: at(4490), now: at(4500)).events == [.expired(feed.feed, token(1))])
        #expect(late.deadline(of: feed.feed) == at(4500))
    }
}

extension [RenewalKeeper.Action] {
    var batches: [RenewalKeeper.Batch] {
        compactMap { if case .renew(let batch) = $0 { batch } else { nil } }
    }
    var events: [RenewalKeeper.Event] {
        compactMap { if case .event(let event) = $0 { event } else { nil } }
    }
    var wake: LocalTime? {
        reversed().lazy.compactMap { if case .wake(let time) = $0 { time } else { nil } }.first
    }
}
