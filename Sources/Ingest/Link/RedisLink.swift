package import Coordination
package import Logging
package import NIOCore
package import RedisClient

/// Hears of a link's ups and downs, on its event loop.
package protocol RedisLinkUser: AnyObject {
    func linkUp()
    func linkLost()
    /// Whether the server has replicas: what is acknowledged is then durable when they have confirmed it.
    func replicasChanged(isReplicated: Bool)
    /// The replicas have everything that was acknowledged up to this time.
    func replicaConfirmed(upTo time: LocalTime)
    /// Retentions are to be shortened, because the server's memory is nearly full, or given back, because it has room again.
    func retentionChanged(_ step: MemoryGovernor.Step)
}

extension RedisLinkUser {
    package func replicasChanged(isReplicated: Bool) {}
    package func replicaConfirmed(upTo time: LocalTime) {}
    package func retentionChanged(_ step: MemoryGovernor.Step) {}
}

/// The data connection of one event loop to Redis, kept open: all feeds of the loop share it, and their calls are executed in the order in
/// which they were written.
///
/// Bound to its event loop.
package final class RedisLink {
    package let eventLoop: any EventLoop
    private let endpoint: RedisEndpoint
    private let name: String
    private let logger: Logger
    private let journal: WorkerJournal?
    private let reconnectCap: Duration
    private var connection: RedisConnection?
    private var users: [ObjectIdentifier: any RedisLinkUser] = [:]
    private var failures = 0
    private var isClosed = false
    private var isLoadingLibrary = false
    /// Run id of the server at the other end; empty before the first connection.
    package private(set) var serverRunID = ""
    /// As of the last look, at most a second ago while the link is up.
    package private(set) var facts = ServerFacts()
    private var lookedAt = LocalTime(nanoseconds: 0)
    private var governor = MemoryGovernor()
    private var watch: RepeatedTask?
    private let probe: ReplicaProbe
    private var replicas = ReplicaCount()
    private var isReplicated = false

    package init(
        endpoint: RedisEndpoint, name: String, reconnectCap: Duration, on eventLoop: any EventLoop, journal: WorkerJournal? = nil,
        logger: Logger
    ) {
        self.journal = journal
        self.endpoint = endpoint
        self.name = name
        self.reconnectCap = reconnectCap
        self.eventLoop = eventLoop
        self.logger = logger
        self.probe = ReplicaProbe(endpoint: endpoint, name: "\(name):durable", on: eventLoop, logger: logger)
    }

    package var isUp: Bool { connection != nil }

    package func start() {
        eventLoop.preconditionInEventLoop()
        connect()
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        watch = eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in loopBound.value.look() }
    }

    package func add(_ user: any RedisLinkUser) {
        users[ObjectIdentifier(user)] = user
        user.replicasChanged(isReplicated: isReplicated)
        if governor.factor != 1 { user.retentionChanged(.init(factor: governor.factor, share: 1)) }
        if isUp { user.linkUp() }
    }

    package func remove(_ user: any RedisLinkUser) { users[ObjectIdentifier(user)] = nil }

    package func close() {
        isClosed = true
        watch?.cancel()
        probe.close()
        connection?.close()
    }

    /// Writes one encoded command; false when there is no connection. The completion is not called then.
    package func write(
        _ parts: [ByteBuffer], timeout: Duration, completion: @escaping (Result<RedisValue, RedisError>) -> Void
    ) -> Bool {
        guard let connection else { return false }
        connection.write(parts, timeout: timeout, completion: completion)
        return true
    }

    package func write(
        _ arguments: [RedisArgument], timeout: Duration, completion: @escaping (Result<RedisValue, RedisError>) -> Void
    ) -> Bool {
        var buffer = ByteBufferAllocator().buffer(capacity: 512)
        RedisCommandEncoder.append(arguments, to: &buffer)
        return write([buffer], timeout: timeout, completion: completion)
    }

    package func flush() { connection?.flush() }

    /// Loads the function library once more (a server that lost it answers "Function not found"); users hear of a new link when it is there.
    package func reloadLibrary() {
        guard !isLoadingLibrary, let connection else { return }
        isLoadingLibrary = true
        let written = write(FunctionLibrary.colony1.loadArguments, timeout: .seconds(5)) {
            [self] result in
            isLoadingLibrary = false
            if case .failure(let error) = result {
                logger.warning("Function library could not be loaded", error: error, metadata: ["redis": "\(endpoint)"])
                connection.close()
            }
        }
        if written { flush() }
    }

    private func connect() {
        guard !isClosed else { return }
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        RedisConnection.connect(to: endpoint, name: name, on: eventLoop) { result in
            loopBound.value.connected(result)
        }
    }

    private func connected(_ result: Result<RedisConnection, RedisError>) {
        switch result {
        case .success(let connection):
            guard !isClosed else { return connection.close() }
            identify(connection)
        case .failure(let error): failed(error)
        }
    }

    /// Which server is this? Epochs jump when it is not the one of the last acquisition.
    private func identify(_ connection: RedisConnection) {
        var command = ByteBufferAllocator().buffer(capacity: 64)
        RedisCommandEncoder.append(["INFO", "server"], to: &command)
        connection.write([command], timeout: .seconds(2)) { [self] result in
            switch result {
            case .success(let value):
                guard let runID = RedisServerInfo(value.string ?? "").runID, !isClosed else { return connection.close() }
                serverRunID = runID
                adopt(connection)
            case .failure(let error):
                connection.close()
                failed(error)
            }
        }
        connection.flush()
    }

    private func adopt(_ connection: RedisConnection) {
        failures = 0
        self.connection = connection
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        connection.closeFuture.whenComplete { _ in loopBound.value.lost() }
        journal?.add(.link, [("which", .text("data")), ("up", .flag(true))])
        logger.debug("Data connection up", metadata: ["redis": "\(endpoint)"])
        for user in users.values { user.linkUp() }
    }

    // MARK: The server's state

    /// The server refused a call for want of memory: not the next look is waited for, but one that is not too near the last.
    package func memoryRefused() {
        if LocalTime.now() - lookedAt >= .milliseconds(200) { look() }
    }

    /// Reads what the server tells of its memory and its replicas, and asks these for their confirmation.
    private func look() {
        lookedAt = .now()
        let written = write(["INFO", "memory", "replication"], timeout: .seconds(5)) { [self] result in
            switch result {
            case .success(let value): looked(ServerFacts(RedisServerInfo(value.string ?? "")))
            case .failure(let error): logger.debug("Server's state not read", error: error, metadata: ["redis": "\(endpoint)"])
            }
        }
        if written { flush() }
    }

    private func looked(_ fresh: ServerFacts) {
        facts = fresh
        let now = LocalTime.now()
        let needed = replicas.needed(inTouch: fresh.replicas, now: now)
        let replicated = needed > 0
        if replicated != isReplicated {
            isReplicated = replicated
            logger.info("Replicas", metadata: ["redis": "\(endpoint)", "replicas": "\(fresh.replicas)"])
            for user in users.values { user.replicasChanged(isReplicated: replicated) }
        }
        if fresh.replicas > 0 {
            probe.ask(serverRunID: serverRunID, replicas: needed) { [self] confirmed in
                guard let confirmed else { return }
                for user in users.values { user.replicaConfirmed(upTo: confirmed) }
            }
        }
        let before = governor.factor
        if let step = governor.read(usedBytes: fresh.usedBytes, limitBytes: fresh.limitBytes) {
            let metadata: Logger.Metadata = [
                "redis": "\(endpoint)", "memory.used": "\(fresh.usedBytes)", "memory.limit": "\(fresh.limitBytes)",
                "retention.factor": "\(governor.factor)",
            ]
            if before == 1 {
                logger.warning("Redis' memory is nearly full; all retentions are being shortened", metadata: metadata)
            } else if governor.factor == 1 {
                logger.notice("Redis has room again; retentions are as configured", metadata: metadata)
            }
            for user in users.values { user.retentionChanged(step) }
        }
    }

    private func failed(_ error: RedisError) {
        failures += 1
        if failures == 1 || failures % 20 == 0 {
            logger.warning("Redis not reached", error: error, metadata: ["redis": "\(endpoint)", "attempts": "\(failures)"])
        }
        scheduleConnect()
    }

    private func lost() {
        guard connection != nil else { return }
        connection = nil
        isLoadingLibrary = false
        journal?.add(.link, [("which", .text("data")), ("up", .flag(false))])
        for user in users.values { user.linkLost() }
        guard !isClosed else { return }
        logger.info("Data connection lost", metadata: ["redis": "\(endpoint)"])
        scheduleConnect()
    }

    private func scheduleConnect() {
        guard !isClosed else { return }
        let delay = min(reconnectCap, .milliseconds(25) * (1 << min(failures, 10)))
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: .nanoseconds(delay.wholeNanoseconds)) { loopBound.value.connect() }
    }
}
