import Coordination
import Ingest
import Logging
import NIOCore
import RedisClient

/// The control connection and the calls on it.
extension ControlState {
    /// Sends a function call; the completion comes on this loop, unless the connection is lost first: then nothing that depends on it matters.
    func call<Call: FunctionCall>(
        _ call: Call, timeout: Duration, completion: @escaping (Result<Call.Reply, any Error>) -> Void
    ) {
        send(call.arguments(), timeout: timeout) { [self] result in
            switch result {
            case .success(let value):
                do throws(CoordinationError) {
                    completion(.success(try Call.decode(value)))
                } catch {
                    logger.error("Redis function answered with nonsense", error: error, metadata: ["function": "\(Call.function)"])
                    completion(.failure(error))
                }
            case .failure(let error):
                if error.code == .functionNotFound { reloadLibrary() }
                completion(.failure(error))
            }
        }
    }

    func send(
        _ arguments: [RedisArgument], timeout: Duration = .seconds(2), completion: @escaping (Result<RedisValue, RedisError>) -> Void
    ) {
        guard let connection else {
            return completion(.failure(RedisError(.connectionLost, "no connection to Redis at \(configuration.redis.endpoint)")))
        }
        var command = ByteBufferAllocator().buffer(capacity: 256)
        RedisCommandEncoder.append(arguments, to: &command)
        connection.write([command], timeout: timeout, completion: completion)
        flushSoon()
    }

    /// One write for all that is sent in this turn of the loop: a beat alone asks for a dozen things.
    private func flushSoon() {
        guard !isFlushing else { return }
        isFlushing = true
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute {
            loopBound.value.isFlushing = false
            loopBound.value.connection?.flush()
        }
    }

    private func reloadLibrary() {
        guard !unknownFunctionReloading else { return }
        unknownFunctionReloading = true
        logger.notice("Loading the function library: the server does not have it")
        send(FunctionLibrary.colony1.loadArguments, timeout: .seconds(5)) { [self] result in
            unknownFunctionReloading = false
            if case .failure(let error) = result { logger.warning("Function library could not be loaded", error: error) }
        }
    }

    func connect() {
        guard !isConnecting, !isStopped else { return }
        isConnecting = true
        let sentAt = LocalTime.now()
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        RedisConnection.connect(
            to: configuration.redis.endpoint, name: "colony:control:\(incarnation)", on: eventLoop, timeout: .milliseconds(800)
        ) { result in
            loopBound.value.connected(result, sentAt: sentAt)
        }
    }

    private func connected(_ result: Result<RedisConnection, RedisError>, sentAt: LocalTime) {
        isConnecting = false
        guard !isStopped else {
            if case .success(let connection) = result { connection.close() }
            return
        }
        switch result {
        case .success(let fresh):
            connectFailures = 0
            connection = fresh
            connectionNumber += 1
            journal?.add(.link, [("which", .text("control")), ("up", .flag(true))])
            let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
            let number = connectionNumber
            fresh.closeFuture.whenComplete { _ in loopBound.value.lost(number) }
            send(["CLIENT", "NO-EVICT", "on"]) { _ in }
            send(["CLIENT", "ID"]) { [self] in redisClientID = (try? $0.get().string) ?? "" }
            send(["INFO", "server"]) { [self] result in
                guard case .success(let value) = result else { return }
                let info = RedisServerInfo(value.string ?? "")
                guard let runID = info.runID else { return }
                serverRunID = runID
                if server?.runID != runID {
                    server = FeedMachine.Server(runID: runID, since: .now())
                    // Wake-ups of a former master, whose host may be gone without a word, are waited for in vain.
                    if configuration.redis.endpoint.sentinel != nil { subscriber?.close() }
                }
                perform(keeper.connected(now: .now(), isOneServer: info["redis_mode"] == "standalone"))
                beat()
                observe(Array(feeds.keys))
            }
        case .failure(let error):
            connectFailures += 1
            if connectFailures == 1 || connectFailures % 40 == 0 {
                logger.warning(
                    "Redis not reached", error: error,
                    metadata: ["redis": "\(configuration.redis.endpoint)", "attempts": "\(connectFailures)"])
            }
            // A refused connection to the one, directly attached Redis process proves that it is gone, and with it every observation.
            if configuration.redis.direct, error.code == .refused || error.code == .loading { outageProved(sentAt: sentAt) }
            let cap = configuration.redis.direct ? .milliseconds(200) : configuration.redis.retryCap
            reconnect(after: min(cap, .milliseconds(20) * (1 << min(connectFailures, 10))))
        }
    }

    private func lost(_ number: Int) {
        guard number == connectionNumber, connection != nil else { return }
        connection = nil
        journal?.add(.link, [("which", .text("control")), ("up", .flag(false))])
        perform(keeper.connectionLost(now: .now()))
        guard !isStopped else { return }
        for feed in feeds.values { feed.post(.controlLost) }
        logger.notice("Control connection to Redis lost")
        reconnect(after: .zero)
    }

    private func reconnect(after delay: Duration) {
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: .nanoseconds(delay.wholeNanoseconds)) { loopBound.value.connect() }
    }

    private func outageProved(sentAt: LocalTime) {
        journal?.add(.outage, [("sent", .number(sentAt.nanoseconds))])
        perform(keeper.outageProof(sentAt: sentAt, now: .now()))
        for feed in feeds.values { feed.post(.outageProved(sentAt: sentAt)) }
    }
}
