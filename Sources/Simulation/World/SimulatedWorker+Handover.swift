import Coordination

/// Planned handovers: the successor is told first, makes its connection ready, and the owner then gives the feed up with it preferred. What the
/// workers say to one another goes through a hash in Redis; here it is carried from process to process, late, or lost with a connection.
extension SimulatedWorker {
    private static let invitationLasts = Duration.seconds(10)

    /// Hands a feed over that is held here.
    func handOver(_ feed: Int, to target: String?, reason: String, isForced: Bool) {
        let machine = feeds[feed].machine
        guard isHeld[feed], machine.token != nil, machine.phase != .fenced, !isDraining else { return }
        let facts = simulation.feeds[feed]
        let order = HandoverMachine.Order(
            feed: facts.name, budget: facts.keys.group, target: target, reason: reason, isForced: isForced, isIdle: machine.phase == .held)
        perform(handovers.order([order], view: handoverView, now: local))
    }

    func cancelHandovers() { perform(handovers.cancel()) }

    /// The feed is no longer held here.
    func handedOver(_ feed: Int) { perform(handovers.gone(simulation.feeds[feed].name, view: handoverView, now: local)) }

    func isInvited(_ feed: Int) -> Bool { invitations[feed].map { local < $0 } ?? false }

    private var handoverView: HandoverMachine.View {
        HandoverMachine.View(
            isPaceFree: { [unowned self] in isPaceFree($0) },
            successor: { [unowned self] in placement.successor(of: $0) })
    }

    private func perform(_ actions: [HandoverMachine.Action]) {
        for action in actions {
            switch action {
            case .invite(let name, let target): invite(name, target)
            case .give(let name, let target, let reason):
                guard let index = simulation.feedIndex[name] else { continue }
                if !simulation.isFaulty { simulation.exchange.hasMoved = true }
                let feed = feeds[index]
                hop { feed.stop(reason: reason, preferred: target) }
            // Nothing but an answer that nobody waits for any more would be left in Redis.
            case .forget: break
            case .wake(let at):
                handoverWake += 1
                let number = handoverWake
                run(at: at) { [unowned self] in
                    guard number == handoverWake else { return }
                    perform(handovers.woken(view: handoverView, now: local))
                }
            }
        }
    }

    private func invite(_ name: FeedName, _ target: String) {
        guard let index = simulation.feedIndex[name], let successor = simulation.workers.first(where: { $0.name == target }) else { return }
        carry(to: successor) { [unowned self] in
            successor.take(index) { [unowned self] in
                successor.carry(to: self) { [unowned self] in
                    perform(handovers.answered(name, by: target, view: handoverView, now: local))
                }
            }
        }
    }

    /// Through Redis: at once by a wake-up, with the next poll where that was lost, never where one of them has no connection.
    private func carry(to other: SimulatedWorker, _ message: @escaping () -> Void) {
        guard control != nil, other.control != nil, other.isAlive else { return }
        let isWoken = !simulation.random.chance(simulation.scenario.lostWakes)
        other.run(after: isWoken ? random.milliseconds(0, 20) : random.milliseconds(0, 1000), message)
    }

    private func take(_ feed: Int, ready: @escaping () -> Void) {
        guard !isDraining, !isHeld[feed] else { return ready() }
        let until = local + Self.invitationLasts
        invitations[feed] = until
        let shell = feeds[feed]
        hop { shell.handle(.invited(until: until)) }
        // A connection and its TLS; now and then it takes longer than the owner waits.
        run(after: random.chance(10) ? random.milliseconds(2000, 6000) : random.milliseconds(2, 300), ready)
    }
}
