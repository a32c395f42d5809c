import Coordination

extension SimulatedWorker {
    func beatTick(after delay: Int64 = Span.second) {
        run(after: delay) { [unowned self] in
            beat()
            beatTick()
        }
    }

    private func beat() {
        guard let control, server != nil else { return }
        let call = BeatCall(
            namespace: Keys(), incarnation: incarnation,
            info: [
                .init("host", "h\(host.index)"), .init("state", isDraining ? "draining" : "ready"), .init("weight", "1"),
                .init("load", "\(placement.load)"),
            ])
        control.call(.beat(call), timeout: 2 * Span.second) { [unowned self] result in
            guard case .success(.beat(let reply, let silent, let admitted)) = result else { return }
            membersVersion = reply.membersVersion
            redisRead(reply.now)
            self.admitted = admitted
            perform(placement.beatReplied(membersVersion: reply.membersVersion, catalogueVersion: 1, now: local))
            guard silent != self.silent else { return }
            self.silent = silent
            countMembers(version: membersVersion)
        }
    }

    private func readMembers() {
        guard let control else { return perform(placement.membersNotRead(now: local)) }
        control.call(.members, timeout: 2 * Span.second) { [unowned self] result in
            guard case .success(.members(let members, let version)) = result, !members.isEmpty else {
                return perform(placement.membersNotRead(now: local))
            }
            self.members = members
            countMembers(version: version)
        }
    }

    private func countMembers(version: Int) {
        perform(placement.membersRead(members.filter { !silent.contains($0.incarnation) }, version: version, now: local))
    }

    /// The catalogue comes from the configuration, whatever Redis loses.
    private func readCatalogue() {
        hop { [unowned self] in
            let entries = simulation.feeds.map { ($0.name, CatalogueEntry(exchange: $0.name.exchange, budget: $0.keys.group)) }
            perform(placement.catalogueRead(Dictionary(uniqueKeysWithValues: entries), version: 1, now: local))
        }
    }

    func perform(_ actions: [PlacementMachine.Action]) {
        for action in actions {
            switch action {
            case .readMembers: readMembers()
            case .readCatalogue: readCatalogue()
            case .placed(let name, let place):
                guard let index = simulation.feedIndex[name] else { continue }
                places[index] = place
                let feed = feeds[index]
                hop { feed.handle(.placed(rank: place?.rank, alternate: place?.alternate)) }
            case .removed: break
            case .move(let name, let target):
                guard let index = simulation.feedIndex[name] else { continue }
                simulation.reach(.movedByPlacement)
                simulation.exchange.moves[index] += 1
                simulation.exchange.lastMove = simulation.now
                if !simulation.isFaulty { simulation.exchange.hasMoved = true }
                handOver(index, to: target, reason: "rebalance", isForced: false)
            case .wake(let at):
                placementWake += 1
                let number = placementWake
                run(at: at) { [unowned self] in
                    guard number == placementWake else { return }
                    wakePlacement()
                }
            }
        }
    }

    private func wakePlacement() {
        var machine = placement
        var isHeldBack = false
        let actions = machine.woken(now: local) { name in
            let isFree = isPaceFree(name)
            if !isFree { isHeldBack = true }
            return isFree
        }
        if isHeldBack { simulation.reach(.moveRefusedByPace) }
        placement = machine
        perform(actions)
    }

    func isPaceFree(_ name: FeedName) -> Bool {
        guard let index = simulation.feedIndex[name], !admitted.isEmpty, let last = admitted[simulation.feeds[index].groupIndex] else {
            return true
        }
        return redisNow - last >= simulation.policy.pace.wholeMilliseconds
    }
}
