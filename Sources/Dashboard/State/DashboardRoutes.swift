import Cluster
import FoundationEssentials
import Synchronization

/// What is answered to which request. Reading only.
struct DashboardRoutes: Sendable {
    let client: ClusterClient
    let source: any DashboardSource
    /// Asked for as `Authorization: Bearer <token>`; nil: nothing is asked for.
    let token: String?
    private let cache = StateCache()

    init(client: ClusterClient, source: any DashboardSource, token: String?) {
        self.client = client
        self.source = source
        self.token = token
    }

    func answer(_ request: DashboardRequest) async -> DashboardResponse {
        switch request.path {
        // Probes tell nothing that is secret, and who probes has no token.
        case "/healthz": return .text(200, "ok\n")
        case "/readyz":
            let problems = await source.notReady()
            return problems.isEmpty ? .text(200, "ready\n") : .text(503, problems.map { "\($0)\n" }.joined())
        // The page itself holds no data.
        case "/": return .page()
        case "/metrics", "/api/state":
            guard isAuthorised(request) else {
                var response = DashboardResponse.text(401, "a bearer token is needed\n")
                response.headers.append(("WWW-Authenticate", "Bearer"))
                return response
            }
            return request.path == "/metrics" ? await metrics() : await state()
        default: return .text(404, "there are /, /api/state, /metrics, /healthz and /readyz\n")
        }
    }

    /// In constant time for tokens of equal length.
    private func isAuthorised(_ request: DashboardRequest) -> Bool {
        guard let token else { return true }
        guard let header = request.authorization, header.lowercased().hasPrefix("bearer ") else { return false }
        let given = Array(header.dropFirst(7).utf8)
        let wanted = Array(token.utf8)
        guard given.count == wanted.count else { return false }
        return zip(given, wanted).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private func metrics() async -> DashboardResponse {
        let isUp = await source.redisProblem() == nil
        let families =
            ClusterMetrics.families(await source.workers(), isRedisUp: isUp, version: ProcessInformation.version)
            + ClusterMetrics.clusterFamilies(isUp ? await liveFeeds() : nil)
        return DashboardResponse(status: 200, contentType: MetricsText.contentType, body: MetricsText.write(families))
    }

    /// nil where Redis cannot be read: nothing is known then, and `colony_redis_up` tells.
    private func liveFeeds() async -> [String: Bool]? {
        do { return try await client.liveFeeds() } catch { return nil }
    }

    private func state() async -> DashboardResponse {
        do {
            let json = try await cache.value {
                let status = try await client.status()
                let (events, now) = try await client.events(perGroup: 200)
                return try DashboardState(now: now, cluster: status, events: events).json()
            }
            return DashboardResponse(status: 200, contentType: "application/json; charset=utf-8", body: json)
        } catch {
            return .text(503, "the cluster cannot be read: \(error)\n")
        }
    }
}

/// Many viewers cost Redis what one costs: an answer is kept for a second, and asked for once at a time.
actor StateCache {
    private var value: (text: String, at: ContinuousClock.Instant)?
    private var running: Task<String, any Error>?

    func value(_ make: @escaping @Sendable () async throws -> String) async throws -> String {
        if let value, ContinuousClock.now - value.at < .seconds(1) { return value.text }
        if let running { return try await running.value }
        // Awaited right below, and by whoever asks meanwhile.
        let task = Task { try await make() }
        running = task
        defer { running = nil }
        let text = try await task.value
        value = (text, .now)
        return text
    }
}
