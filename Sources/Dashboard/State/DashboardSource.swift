public import Cluster

/// Where a dashboard's answers come from.
public protocol DashboardSource: Sendable {
    /// The workers whose metrics are shown. Never throws: metrics are wanted most when something is away.
    func workers() async -> [WorkerSample]
    /// Whether Redis answers, and why not.
    func redisProblem() async -> String?
    /// Why this is not ready to be relied upon; empty: it is.
    func notReady() async -> [String]
}

/// The whole cluster, as Redis knows it: for a dashboard of its own.
public struct ClusterSource: DashboardSource {
    private let client: ClusterClient

    public init(_ client: ClusterClient) { self.client = client }

    public func workers() async -> [WorkerSample] {
        do { return try await client.samples() } catch { return [] }
    }

    public func redisProblem() async -> String? {
        do {
            try await client.ping()
            return nil
        } catch {
            return "Redis does not answer: \(error)"
        }
    }

    public func notReady() async -> [String] {
        if let problem = await redisProblem() { return [problem] }
        return []
    }
}

/// A supervisor's own workers, as they tell it through their pipes: also while Redis is away.
public struct SupervisorSource: DashboardSource {
    private let supervisor: Supervisor
    private let client: ClusterClient

    public init(_ supervisor: Supervisor, _ client: ClusterClient) {
        self.supervisor = supervisor
        self.client = client
    }

    public func workers() async -> [WorkerSample] { supervisor.samples() }
    public func redisProblem() async -> String? { await ClusterSource(client).redisProblem() }

    public func notReady() async -> [String] {
        var problems: [String] = []
        if let problem = await redisProblem() { problems.append(problem) }
        for worker in supervisor.samples() {
            if !worker.isUp {
                problems.append("worker \(worker.name) does not run")
            } else if worker.state.isEmpty {
                problems.append("worker \(worker.name) has not joined yet")
            } else if worker.state != "ready" {
                problems.append("worker \(worker.name) is \(worker.state)")
            } else if worker.isRedisUp == false {
                problems.append("worker \(worker.name) does not reach Redis")
            }
        }
        return problems
    }
}
