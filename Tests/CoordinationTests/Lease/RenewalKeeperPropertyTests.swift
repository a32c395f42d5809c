import Coordination
import RedisClient
import Testing

/// Invariant S11 under random lives: a holder's deadline never exceeds (send of a confirmed renewal or outage proof) + H.
@Suite struct RenewalKeeperPropertyTests {
    private struct Feed {
        var keys: FeedKeys
        var token: Token
        /// What the deadline must be, computed apart from the keeper.
        var deadline: LocalTime
        var hasSocket = false
        var toldExpired = false
        /// Proved while the deadline had passed with the websocket open; counts when it is closed.
        var meanwhile: LocalTime?
    }

    @Test(arguments: 0..<80 as Range<UInt64>)
    func `deadline and dead-man are exactly what was proved, in any life`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let timing = LeaseTiming()
        var keeper = RenewalKeeper(timing: timing, isDirect: true)
        var feeds: [FeedName: Feed] = [:]
        var underWay: [RenewalKeeper.Batch] = []
        /// Deadlines of dropped leases whose websocket is still being closed.
        var closing: [FeedName: LocalTime] = [:]
        var lostAt: LocalTime?
        var deadman: LocalTime?
        var now: Int64 = 0
        var wake: LocalTime?
        var epoch = 0
        var renewed = 0
        var proofs = 0

        func perform(_ actions: [RenewalKeeper.Action]) {
            for action in actions {
                switch action {
                case .renew(let batch):
                    #expect(lostAt == nil, "seed \(seed): nothing is sent without a connection")
                    #expect(batch.sentAt == at(now))
                    #expect(Set(batch.call.leases.map(\.feed.group)).count == 1)
                    for lease in batch.call.leases {
                        guard let feed = feeds[lease.feed.feed] else {
                            Issue.record("seed \(seed): renews a dropped lease")
                            continue
                        }
                        #expect(
                            !feed.hasSocket || at(now) < feed.deadline, "seed \(seed): renews under an open websocket after the deadline")
                        #expect(lease.token == feed.token)
                    }
                    underWay.append(batch)
                case .event(.expired(let name, _)):
                    let deadline = feeds[name]?.deadline
                    #expect(deadline.map { $0 <= at(now) } ?? false, "seed \(seed): told too early")
                    feeds[name]?.toldExpired = true
                case .event: continue
                case .armDeadman(let time): deadman = time
                case .disarmDeadman: deadman = nil
                case .wake(let time): wake = time
                }
            }
        }
        func confirm(_ name: FeedName, _ sentAt: LocalTime) {
            guard let feed = feeds[name] else { return }
            let deadline = sentAt + timing.selfFence
            let passed = feed.deadline <= at(now)
            guard deadline > feed.deadline else { return }
            if passed, feed.hasSocket {
                feeds[name]?.meanwhile = max(deadline, feed.meanwhile ?? deadline)
                return
            }
            guard !passed || deadline > at(now) else { return }
            feeds[name]?.deadline = deadline
            feeds[name]?.toldExpired = false
        }

        for _ in 0..<600 {
            now += Int64.random(in: 0...250, using: &random)
            switch Int.random(in: 0..<14, using: &random) {
            case 0 where feeds.count < 6:
                epoch += 1
                let group = "g\(epoch % 2)"
                let keys = Keys().feed(FeedName("\(group)/\(epoch)"), group: group)
                let token = Token(incarnation: Incarnation(name: "w", random: 1), epoch: epoch)
                let sentAt = at(now - Int64.random(in: 0...1000, using: &random))
                feeds[keys.feed] = Feed(keys: keys, token: token, deadline: sentAt + timing.selfFence)
                perform(keeper.hold(keys, token: token, sentAt: sentAt, now: at(now)))
            case 1:
                if let name = feeds.keys.sorted().randomElement(using: &random), let feed = feeds[name] {
                    epoch += 1
                    feeds[name]?.token = Token(incarnation: feed.token.incarnation, epoch: epoch)
                    keeper.replaceToken(of: name, with: Token(incarnation: feed.token.incarnation, epoch: epoch))
                }
            case 2:
                if let (name, feed) = feeds.sorted(by: { $0.key < $1.key }).randomElement(using: &random),
                    Int.random(in: 0..<4, using: &random) == 0
                {
                    if feed.hasSocket { closing[name] = feed.deadline }
                    feeds[name] = nil
                    perform(keeper.drop(name, now: at(now)))
                } else if let name = closing.keys.min() {
                    closing[name] = nil
                    perform(keeper.socketClosed(name, now: at(now)))
                }
            case 3, 4:
                if let name = feeds.keys.sorted().randomElement(using: &random), let feed = feeds[name] {
                    if feed.hasSocket {
                        feeds[name]?.hasSocket = false
                        feeds[name]?.meanwhile = nil
                        if let proved = feed.meanwhile, proved > at(now) {
                            feeds[name]?.deadline = proved
                            feeds[name]?.toldExpired = false
                        }
                        perform(keeper.socketClosed(name, now: at(now)))
                    } else {
                        if at(now) < feed.deadline { feeds[name]?.hasSocket = true }
                        perform(keeper.socketOpening(name, now: at(now)) ?? [])
                    }
                }
            case 5 where lostAt == nil && Bool.random(using: &random):
                lostAt = at(now)
                underWay = []
                perform(keeper.connectionLost(now: at(now)))
            case 6 where lostAt != nil:
                lostAt = nil
                perform(keeper.connected(now: at(now)))
            case 7:
                let sentAt = at(now - Int64.random(in: 0...1200, using: &random))
                perform(keeper.outageProof(sentAt: sentAt, now: at(now)))
                if let lost = lostAt, sentAt >= lost {
                    proofs += 1
                    for name in feeds.keys where feeds[name].map({ $0.deadline > at(now) }) == true { confirm(name, sentAt) }
                }
            case 8:
                if let index = underWay.indices.randomElement(using: &random) {
                    perform(
                        keeper.failed(
                            underWay.remove(at: index), [.timeout, .tryAgain, .busy].randomElement(using: &random) ?? .busy, now: at(now)))
                }
            case 9...12:
                if let index = underWay.indices.randomElement(using: &random) {
                    let batch = underWay.remove(at: index)
                    let results = batch.call.leases.map { _ in
                        [RenewReply.Result.renewed, .renewed, .refused].randomElement(using: &random) ?? .renewed
                    }
                    // First what the keeper says: a deadline that has passed is told even if the same reply renews it.
                    perform(keeper.replied(batch, results, now: at(now)))
                    for (lease, result) in zip(batch.call.leases, results) where result == .renewed {
                        renewed += 1
                        confirm(lease.feed.feed, batch.sentAt)
                    }
                }
            default:
                if let due = wake, due <= at(now) {
                    wake = nil
                    let stuck = Int.random(in: 0..<8, using: &random) == 0
                    perform(keeper.woken(now: at(now)) { _ in .init(tickedAt: at(stuck ? now - 2000 : now), unacknowledgedSince: nil) })
                }
            }
            for (name, feed) in feeds { #expect(keeper.deadline(of: name) == feed.deadline, "seed \(seed): \(name) at \(now)") }
            let watched = feeds.values.filter(\.hasSocket).map(\.deadline) + closing.values
            let due = watched.min().map { $0 + timing.closeSlack }
            #expect(deadman == due, "seed \(seed): the dead-man at \(now)")
            // Whoever obeys the wake-ups hears of a passed deadline in time.
            if let due = wake {
                let next = feeds.values.filter { !$0.toldExpired && $0.deadline > at(now) }.map(\.deadline).min()
                if let next { #expect(due <= next, "seed \(seed): sleeps past a deadline") }
            }
        }
        #expect(renewed > 10 || proofs > 5, "seed \(seed): the life exercises nothing")
    }
}
