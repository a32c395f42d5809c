import ColonyExchanges
import Coordination
import Glibc
import Logging

/// Asks a supervisor to replace its workers; several at once count as one.
public final class DeployTrigger: Sendable {
    let requests: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (requests, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    public func fire() { continuation.yield() }
}

/// Replaces a supervisor's workers one by one with processes of the program that is on disk now.
///
/// The first worker's feeds go to the others; each further one's go to the worker replaced before it, which is empty. So every feed moves once,
/// those of the first worker twice, each when its pace is free and to a successor that is ready; no more than one worker is away at a time.
struct RollingDeploy: Sendable {
    let configuration: ColonyConfiguration
    let slots: [WorkerSlot]
    let logger: Logger
    private var name: String { configuration.worker.name }

    init(configuration: ColonyConfiguration, slots: [WorkerSlot], logger: Logger) {
        self.configuration = configuration
        self.slots = slots
        self.logger = logger
    }

    /// Answers triggers, and requests in Redis, until cancelled.
    func run(_ trigger: DeployTrigger) async {
        await withDiscardingTaskGroup { group in
            group.addTask { await listen(trigger) }
            for await _ in trigger.requests {
                await deploy(request: nil)
            }
            group.cancelAll()
        }
    }

    /// Polls for `deploy:<supervisor>`. Redis away means that nobody can ask.
    private func listen(_ trigger: DeployTrigger) async {
        let subject = RequestSubject.deploy(supervisor: name)
        var taken = ""
        while !Task.isCancelled {
            do {
                let client = try await ClusterClient.connect(configuration)
                defer { client.close() }
                while !Task.isCancelled {
                    if let (request, age) = try await client.request(subject), request.id != taken,
                        age < .milliseconds(ClusterRequest.validMilliseconds)
                    {
                        taken = request.id
                        await deploy(request: request)
                    }
                    try await Task.sleep(for: .milliseconds(500))
                }
            } catch {
                logger.debug("Requests cannot be read", error: error)
                do { try await Task.sleep(for: .seconds(1)) } catch { return }
            }
        }
    }

    private func deploy(request: ClusterRequest?) async {
        let started = LocalTime.now()
        logger.notice("Replacing the workers one by one", metadata: ["workers": "\(slots.count)"])
        var left = slots.map(\.name)
        var previous = request?.to
        var problems: [String] = []
        for slot in slots {
            guard !Task.isCancelled else { return }
            await tell(request, .running, "replacing \(slot.name)", left)
            do {
                try await replace(slot, to: previous) { text in
                    logger.info("Deploy", metadata: ["worker": "\(slot.name)", "progress": "\(text)"])
                }
                previous = slot.name
            } catch is CancellationError {
                return
            } catch {
                logger.warning("Worker could not be replaced as it should be", error: error, metadata: ["worker": "\(slot.name)"])
                problems.append("\(slot.name): \(error)")
            }
            left.removeFirst()
        }
        let took = (LocalTime.now() - started).wholeMilliseconds
        logger.notice("Workers replaced", metadata: ["took_ms": "\(took)", "problems": "\(problems.count)"])
        let result = "\(slots.count.of("worker")) replaced in \(took / 1000) s"
        await tell(
            request, problems.isEmpty ? .done : .refused,
            problems.isEmpty ? result : "\(result), but \(problems.joined(separator: "; "))", [])
    }

    /// Drains the worker, ends its process, and waits until the next one beats.
    private func replace(_ slot: WorkerSlot, to target: String?, progress: @escaping @Sendable (String) -> Void) async throws {
        let old = slot.child
        let client = try await ClusterClient.connect(configuration)
        defer { client.close() }
        do {
            _ = try await client.drain(slot.name, to: target, force: false, within: configuration.deployLimit, progress: progress)
        } catch let error as ClusterError where error.code == .refused {
            // What is left goes with SIGTERM, cooling or not.
            logger.warning("Worker is ended before it is empty", metadata: ["worker": "\(slot.name)", "reason": "\(error.description)"])
        }
        slot.isBeingReplaced = true
        defer { slot.isBeingReplaced = false }
        if old.pid > 0 { kill(old.pid, SIGTERM) }
        let deadline = LocalTime.now() + .seconds(30)
        while true {
            let child = slot.child
            if child !== old, let incarnation = child.incarnation, try await client.isReady(incarnation) { return }
            guard LocalTime.now() < deadline else {
                throw ClusterError(.supervisor, "the new process of \(slot.name) was not ready within 30 s; its log says why")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private func tell(_ request: ClusterRequest?, _ state: ClusterAnswer.State, _ detail: String, _ left: [String]) async {
        guard let request else { return }
        do {
            let client = try await ClusterClient.connect(configuration)
            defer { client.close() }
            try await client.answer(
                .deploy(supervisor: name), ClusterAnswer(id: request.id, state: state, worker: name, detail: detail, left: left))
        } catch {
            logger.info("Answer could not be written", error: error)
        }
    }
}
