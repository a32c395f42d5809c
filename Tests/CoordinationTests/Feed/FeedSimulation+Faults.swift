import RedisClient

@testable import Coordination

extension FeedSimulation {
    /// One fault after the other, at random moments, until the faulty phase is over.
    func scheduleFault() {
        after(between(200, 7000)) { [self] in
            guard isFaulty else { return }
            redis.takeSnapshot()
            for _ in 0...Int.random(in: 0...1, using: &random) { fault() }
            scheduleFault()
        }
    }

    private func fault() {
        guard let worker = workers.randomElement(using: &random), let keys = feeds.randomElement(using: &random) else { return }
        let feed = worker.feeds[keys.feed]
        if broken.contains(.wallClock), chance(30) { return worker.setClock(by: between(-15_000, 15_000)) }
        if broken.contains(.deadlineFromReply), chance(20) { return answerLateThenCut(worker) }
        switch Int.random(in: 0..<25, using: &random) {
        case 0, 1: worker.kill(proof: chance(60))
        case 2, 3: worker.pause(for: chance(50) ? between(50, 4000) : between(3000, 15_000))
        case 4: worker.block(up: true, down: true, for: between(200, 12_000))
        case 5: worker.block(up: false, down: true, for: between(200, 12_000))
        case 6: worker.block(up: true, down: false, for: between(200, 12_000))
        case 7, 8: worker.cutLinks()
        case 9, 10:
            let slow = [300, 1000, 3000, 6000].randomElement(using: &random) ?? 300
            worker.network.slow = Int64(slow)
            log("\(worker.name) gets slow by \(slow) ms")
            after(between(1000, 12_000)) { worker.network.slow = 0 }
        case 11, 12, 13:
            redis.restart(.intact, down: between(50, 9000))
            // Who cannot reach the new process is tried hardest.
            if chance(50) { after(between(0, 4000)) { [self] in worker.block(up: true, down: true, for: between(500, 8000)) } }
        case 14: redis.restart(chance(50) ? .empty : .older, down: between(50, 3000))
        case 15:
            redis.refuse([.misconfigured, .noReplicas, .busy, .tryAgain].randomElement(using: &random) ?? .busy, for: between(300, 7000))
        case 16, 17, 18: for worker in workers { worker.feeds[keys.feed]?.exchangeCloses() }
        case 19: exchange.refuse(for: between(1000, 15_000))
        case 20, 21: for worker in workers { worker.feeds[keys.feed]?.complain() }
        case 22: feed?.stop(preferred: workers.randomElement(using: &random)?.name)
        case 23: redis.deleteRecord(keys)
        default: redis.writeAhead(keys)
        }
    }

    /// The one order of events that tells send from reply: a renewal is answered late, and nothing gets through behind it.
    private func answerLateThenCut(_ worker: SimulatedWorker) {
        let late = between(1000, 4000)
        worker.block(up: false, down: true, for: late, isNoticed: false)
        after(late + 20 * Self.millisecond) { [self] in worker.block(up: true, down: true, for: between(6000, 9000)) }
    }
}
