package import Cluster
internal import ColonyExchanges
package import Coordination
internal import FaultInjection
internal import History
internal import Logging
internal import RedisClient
internal import Synchronization

/// A whole cluster for one drill: Redis, exchanges, hosts with supervisors and workers, nothing of it shared with anybody.
package final class DrillCluster: Sendable {
    package let plan: DrillPlan
    package let directory: DrillDirectory
    package let network: any DrillNetwork
    /// Not started where `replicated` takes its place.
    package let redis: DrillRedis
    let replicated: ReplicatedRedis?
    package let exchange: ExchangeProcess
    package let client: ClusterClient
    package let view: ClusterView
    package let events: EventFollower
    /// Progress for people, a line each.
    package let tell: @Sendable (String) -> Void
    private let generation: String
    private let allHosts = Mutex<[DrillHost]>([])

    private init(
        plan: DrillPlan, directory: DrillDirectory, network: any DrillNetwork, redis: DrillRedis, replicated: ReplicatedRedis?,
        exchange: ExchangeProcess, client: ClusterClient, view: ClusterView, events: EventFollower, generation: String,
        tell: @escaping @Sendable (String) -> Void
    ) {
        self.plan = plan
        self.directory = directory
        self.network = network
        self.redis = redis
        self.replicated = replicated
        self.exchange = exchange
        self.client = client
        self.view = view
        self.events = events
        self.generation = generation
        self.tell = tell
    }

    package var hosts: [DrillHost] { allHosts.withLock { $0 } }

    // MARK: Life

    /// Starts everything, runs `body`, lets the workers drain, ends exchanges and Redis, and returns what `body` gave. `judge` runs when the
    /// recording is complete, before the directory is removed. Cancelled or failed, everything is taken down as well.
    package static func run<Story: Sendable, Verdict: Sendable>(
        _ plan: DrillPlan, tell: @escaping @Sendable (String) -> Void, body: @escaping @Sendable (DrillCluster) async throws -> Story,
        judge: @escaping @Sendable (DrillCluster, Story) async throws -> Verdict
    ) async throws -> Verdict {
        let directory = try DrillDirectory(keep: plan.options.keep)
        defer { directory.remove() }
        let network = try await makeNetwork(plan.kind == .failoverRedis ? .loopback : plan.options.network, tell: tell)
        return try await cleaningUp {
            let library = FunctionLibrary.colony1
            let redis = try DrillRedis(directory: "\(directory.path)/redis", network: network, library: library)
            let replicated =
                plan.kind == .failoverRedis ? try await startReplicated(plan, in: "\(directory.path)/redis", network, tell) : nil
            return try await cleaningUp {
                if replicated == nil { try await redis.start() }
                let exchange = try await ExchangeProcess.start(plan, directory: directory, network: network)
                return try await cleaningUp {
                    let cluster = try await prepare(plan, directory, network, (redis, replicated), exchange, tell)
                    let recorder = StreamRecorder(
                        endpoint: cluster.endpoint, keys: cluster.client.configuration.keys,
                        directory: RecordingDirectory(directory.recording), followsStreams: replicated == nil)
                    let story = try await recorder.recording {
                        try await cleaningUp {
                            try await cluster.runStory(body)
                        } afterwards: {
                            await cluster.stopHosts()
                        }
                    }
                    try await cluster.finishRecording()
                    return try await judge(cluster, story)
                } afterwards: {
                    await exchange.stop()
                }
            } afterwards: {
                if let replicated { await replicated.stop() } else { await redis.stop() }
            }
        } afterwards: {
            await network.remove()
        }
    }

    /// Runs `afterwards` whatever becomes of `body`; not in the task that is cancelled, since it has to wait for processes to end.
    private static func cleaningUp<Result: Sendable>(
        _ body: () async throws -> Result, afterwards: @escaping @Sendable () async -> Void
    ) async throws -> Result {
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        await Task { await afterwards() }.value
        return try result.get()
    }

    private static func makeNetwork(
        _ wanted: DrillOptions.Network, tell: @Sendable (String) -> Void
    ) async throws -> any DrillNetwork {
        switch wanted {
        case .loopback: return LoopbackNetwork()
        case .namespaces: return try await NamespaceNetwork.start()
        case .automatic:
            if await NamespaceNetwork.isAllowed() { return try await NamespaceNetwork.start() }
            return LoopbackNetwork()
        }
    }

    private static func startReplicated(
        _ plan: DrillPlan, in directory: String, _ network: any DrillNetwork, _ tell: @Sendable (String) -> Void
    ) async throws -> ReplicatedRedis {
        var options = ReplicatedRedis.Options()
        options.downAfter = plan.downAfter
        tell(
            "note: a master, \(options.replicas) replicas and \(options.sentinels) Sentinels; min-replicas-to-write \(options.minReplicas), "
                + "min-replicas-max-lag \(options.maxLag), down-after-milliseconds \(plan.downAfter.wholeMilliseconds)")
        return try await ReplicatedRedis.start(
            in: directory, options: options, arguments: { EmbeddedRedis.arguments(directory: $0, port: $1) },
            launch: { try await Launch.start(network.command(at: .redis, $0), log: $1) })
    }

    /// The drill's own way to Redis, which no cut touches.
    var endpoint: RedisEndpoint { replicated?.endpoint ?? redis.endpoint }

    private static func prepare(
        _ plan: DrillPlan, _ directory: DrillDirectory, _ network: any DrillNetwork,
        _ store: (redis: DrillRedis, replicated: ReplicatedRedis?), _ exchange: ExchangeProcess,
        _ tell: @escaping @Sendable (String) -> Void
    ) async throws -> DrillCluster {
        var random = SystemRandomNumberGenerator()
        let generation = String(random.next(), radix: 16)
        let endpoint = store.replicated?.endpoint ?? store.redis.endpoint
        let file = HostConfiguration(plan: plan, directory: directory, exchange: exchange, generation: generation)
        try directory.write(
            file.text(
                name: "operator", redis: endpoint.description, isDirect: store.replicated == nil, exchanges: ("localhost", exchange.port)),
            to: "operator.yaml")
        let configuration = try ConfigurationLoader(file: "\(directory.path)/operator.yaml", environment: [:]).load().configuration
        let client = try await ClusterClient.connect(configuration)
        try await client.createDataSet(generation: generation)
        for exchange in plan.exchanges { try await subscribe(exchange, client) }
        let catalogue = try await client.catalogue()
        let keys = catalogue.map { configuration.keys.feed($0.feed, group: $0.entry.budget) }
        let view = ClusterView(link: OperatorLink(endpoint), keys: keys)
        let events = EventFollower(link: OperatorLink(endpoint), streams: Set(keys.map(\.events)))
        return DrillCluster(
            plan: plan, directory: directory, network: network, redis: store.redis, replicated: store.replicated, exchange: exchange,
            client: client, view: view,
            events: events, generation: generation, tell: tell)
    }

    private static func subscribe(_ exchange: String, _ client: ClusterClient) async throws {
        let dialect = try client.configuration.dialect(of: exchange)
        let symbol = dialect.profile.exampleSymbol
        var topics: [Topic] = []
        for channel in ["trade", "ticker", "book"] {
            // Not every exchange has all three.
            if let topic = try? dialect.canonical(Topic(channel: channel, symbol: symbol)) { topics.append(topic) }
        }
        let wanted = topics
        try await client.change(exchange: exchange) { $0.formUnion(wanted) }
    }

    private func runStory<Story: Sendable>(_ body: @escaping @Sendable (DrillCluster) async throws -> Story) async throws -> Story {
        try await withThrowingTaskGroup(of: Story?.self) { group in
            group.addTask {
                await self.events.run()
                return nil
            }
            group.addTask {
                for processes in self.plan.hosts { try await self.addHost(processes: processes) }
                return try await body(self)
            }
            defer { group.cancelAll() }
            while let next = try await group.next() {
                if let next { return next }
            }
            throw CancellationError()
        }
    }

    // MARK: Hosts

    /// Starts one more host with so many workers.
    @discardableResult
    package func addHost(processes: Int) async throws -> DrillHost {
        let number = hosts.count + 1
        try await network.addHost(number, redisPort: redis.port, exchangePort: exchange.port)
        let file = HostConfiguration(plan: plan, directory: directory, exchange: exchange, generation: generation)
        let endpoint: RedisEndpoint
        switch plan.redisPath {
        case .direct, .sentinels: endpoint = self.endpoint
        case .network: endpoint = RedisEndpoint(address: network.redisAddress(for: number))
        }
        let name = DrillHost.name(number)
        var isDirect = false
        if case .direct = plan.redisPath { isDirect = true }
        try directory.write(
            file.text(
                name: name, redis: endpoint.description, isDirect: isDirect, exchanges: network.exchangeAddress(for: number)),
            to: "\(name).yaml")
        let words = [
            plan.options.executable, "worker", "--config", "\(directory.path)/\(name).yaml", "--processes", "\(processes)",
            "--log-directory",
            "\(directory.path)/logs", "--log-level", plan.options.logLevel,
        ]
        let host = DrillHost(
            number: number, processes: processes, words: network.command(at: .host(number), words),
            log: "\(directory.path)/logs/\(name).log")
        try await host.start()
        allHosts.withLock { $0.append(host) }
        return host
    }

    private func stopHosts() async {
        await withTaskGroup(of: Void.self) { group in
            for host in hosts { group.addTask { await host.stop() } }
        }
    }

    /// Every feed live with data, every worker ready. Feeds in `beyond` must have a later epoch than that: what was lost is replaced.
    @discardableResult
    package func untilWhole(
        _ what: String, within limit: Duration, beyond: [FeedName: Int] = [:]
    ) async throws -> [ClusterView.Lease] {
        let wanted = hosts.filter(\.isRunning).reduce(0) { $0 + $1.processes }
        return try await view.until(what, within: limit) { leases in
            let missing = leases.filter { !($0.isLive && $0.nextSequence > 2 && $0.epoch > beyond[$0.feed] ?? 0) }
            if let first = missing.first {
                return "\(missing.count) of \(leases.count) feeds are not received, e.g. \(first.feed): \(first.state) "
                    + "\(first.phase) \(first.pending) holder '\(first.holder)'"
            }
            let ready = try await self.readyWorkers().count
            return ready < wanted ? "\(ready) of \(wanted) workers are ready" : nil
        }
    }

    /// Workers that beat, ready.
    package func readyWorkers() async throws -> [ClusterStatus.Worker] {
        try await client.status().workers.filter { $0.state == "ready" && $0.beatAgeMilliseconds < 3000 }
    }

    // MARK: The end

    private func finishRecording() async throws {
        try await events.finish()
        client.close()
        await exchange.stop()
    }
}
