import RedisClient

/// One connection of a worker to Redis: bytes arrive in order each way, late, or never. A call that is not answered in time ends it.
final class SimulatedLink {
    private struct Call {
        var number: Int
        var deadline: Int64
        var completion: (Result<Reply, RedisError>) -> Void
    }

    private unowned let simulation: Simulation
    private unowned let worker: SimulatedWorker
    let process: Int
    private(set) var isOpen = true
    /// Whether the server still reads what was sent on it.
    private var isRead = true
    private var lastUp: Int64 = 0
    private var lastDown: Int64 = 0
    /// Not answered yet, in the order they were sent.
    private var waiting: [Call] = []
    private var lastCall = 0
    /// True time of the timer that is set.
    private var timerAt = Int64.max
    private let onLost: () -> Void

    init(_ worker: SimulatedWorker, process: Int, onLost: @escaping () -> Void) {
        self.simulation = worker.simulation
        self.worker = worker
        self.process = process
        self.onLost = onLost
    }

    /// `losesReply`: the connection breaks before the reply, behind the effect.
    func call(
        _ request: Request, timeout: Int64, losesReply: Bool = false, completion: @escaping (Result<Reply, RedisError>) -> Void
    ) {
        guard isOpen else { return completion(.failure(RedisError(.connectionLost, "closed"))) }
        lastCall += 1
        let number = lastCall
        waiting.append(Call(number: number, deadline: simulation.now + timeout, completion: completion))
        setTimer()
        lastUp = max(lastUp, simulation.now + worker.network.up(simulation))
        simulation.after(lastUp - simulation.now) { [self] in arrived(request, number, losesReply) }
    }

    private func arrived(_ request: Request, _ number: Int, _ losesReply: Bool) {
        let redis = simulation.redis!
        guard isRead, redis.isUp, redis.process == process else { return }
        if simulation.now < redis.stalledUntil {
            return simulation.after(redis.stalledUntil - simulation.now) { [self] in arrived(request, number, losesReply) }
        }
        let result = redis.perform(request, from: worker)
        if losesReply {
            // What is behind it in the pipe is dropped with it.
            isRead = false
            return worker.run(after: simulation.random.milliseconds(0, 20)) { [self] in cut() }
        }
        lastDown = max(lastDown, simulation.now + worker.network.down(simulation))
        simulation.after(lastDown - simulation.now) { [self] in
            worker.run(after: 0) { [self] in answered(number, result) }
        }
    }

    private func answered(_ number: Int, _ result: Result<Reply, RedisError>) {
        guard isOpen, waiting.first?.number == number else { return }
        waiting.removeFirst().completion(result)
    }

    private func setTimer() {
        guard let first = waiting.map(\.deadline).min(), first < timerAt else { return }
        timerAt = first
        worker.run(after: first - simulation.now) { [self] in
            timerAt = .max
            guard isOpen else { return }
            if waiting.contains(where: { $0.deadline <= simulation.now }) { cut(late: true) } else { setTimer() }
        }
    }

    /// The worker's side ends; what is under way to the server may still be read (FIN) or not (RST).
    func cut(late: Bool = false) {
        guard isOpen else { return }
        isOpen = false
        isRead = isRead && simulation.random.chance(50)
        let calls = waiting
        waiting = []
        for call in calls {
            let isLate = late && call.deadline <= simulation.now
            call.completion(.failure(RedisError(isLate ? .timeout : .connectionLost, isLate ? "no reply in time" : "cut")))
        }
        onLost()
    }

    /// The worker's process is gone.
    func processDied() {
        isOpen = false
        isRead = isRead && simulation.random.chance(50)
        waiting = []
    }
}

/// A worker's way to Redis.
struct SimulatedNetwork {
    var upBlockedUntil: Int64 = 0
    var downBlockedUntil: Int64 = 0
    /// Longest additional delay.
    var slow: Int64 = 0

    func up(_ simulation: Simulation) -> Int64 { max(0, upBlockedUntil - simulation.now) + delay(simulation) }
    func down(_ simulation: Simulation) -> Int64 { max(0, downBlockedUntil - simulation.now) + delay(simulation) }

    private func delay(_ simulation: Simulation) -> Int64 {
        let base = simulation.random.nanoseconds(50 * Span.microsecond, Span.millisecond)
        return slow > 0 && simulation.random.chance(60) ? base + simulation.random.nanoseconds(0, slow) : base
    }
}
