import Coordination

/// The supervisor of a host: it reaps dead workers and releases what they held.
final class SimulatedHost {
    private unowned let simulation: Simulation
    let index: Int
    var isUp = true

    init(_ simulation: Simulation, index: Int) {
        self.simulation = simulation
        self.index = index
    }

    /// A worker of this host has been reaped.
    func reaped(_ dead: Incarnation) {
        guard isUp else { return }
        simulation.after(simulation.random.milliseconds(20, 200)) { [self] in release(dead, attempts: 20) }
        for worker in simulation.workers where worker.host === self && worker.isAlive && simulation.random.chance(30) {
            worker.run(after: simulation.random.milliseconds(20, 200)) { worker.deathProved(dead) }
        }
    }

    private func release(_ dead: Incarnation, attempts: Int) {
        guard isUp, attempts > 0 else { return }
        guard simulation.redis.isServing else {
            return simulation.after(500 * Span.millisecond) { [self] in release(dead, attempts: attempts - 1) }
        }
        // As its last beat: nobody is to count on it when its feeds become free.
        let farewell = BeatCall(namespace: Keys(), incarnation: dead, info: [.init("state", "dead")])
        _ = simulation.redis.perform(.beat(farewell), from: nil)
        for feed in simulation.feeds where simulation.redis.model.hashes[feed.lease]?["holder"] == dead.text {
            let call = ReleaseCall(
                feed: feed.keys, proof: .dead(dead), reason: "died", delayMilliseconds: 0, connectMilliseconds: 1000,
                paceMilliseconds: simulation.redis.paceMilliseconds,
                quarantineMilliseconds: simulation.policy.quarantine.wholeMilliseconds)
            if case .success(.feed(.release(.released))) = simulation.redis.perform(.release(feed.index, call), from: nil) {
                simulation.reach(.releasedBySupervisor)
            }
        }
    }
}
