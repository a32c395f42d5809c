import ColonyExchanges
import Coordination
import Ingest
import Logging
import NIOCore
import RedisClient

/// What is wanted of each feed, and the wake-ups.
extension ControlState {
    func readSubscriptions(_ names: [FeedName]) {
        for feed in names {
            guard let handle = feeds[feed] else { continue }
            send(["HGET", .string(handle.keys.subscriptions), "version"]) { [self] result in
                guard case .success(let reply) = result else { return }
                guard let version = reply.integer.map({ Int($0) }) else { return restoreDesired(feed) }
                guard subscriptionVersions[feed] != version else { return }
                send(["HMGET", .string(handle.keys.subscriptions), "version", "desired"]) { [self] result in
                    guard case .success(let reply) = result, let fields = reply.array, fields.count == 2, let text = fields[1].string,
                        let version = fields[0].integer.map({ Int($0) })
                    else { return }
                    do {
                        let topics = try DesiredTopics.decode(text)
                        subscriptionVersions[feed] = version
                        desiredTexts[feed] = text
                        handle.run { $0.desire(topics, version: version) }
                    } catch {
                        logger.error("Desired subscriptions are not readable", error: error, metadata: ["feed": "\(feed)"])
                    }
                }
            }
        }
    }

    func subscribeToWakes() {
        let groups = Set(feeds.values.map(\.keys.group))
        guard groups != subscribedGroups || subscriber == nil, !isSubscribing, !isStopped else { return }
        isSubscribing = true
        subscriber?.close()
        subscriber = nil
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        let channels = groups.map { configuration.keys.wake(group: $0) } + [configuration.keys.requestsWake]
        let endpoint = configuration.redis.endpoint
        let loop = eventLoop
        let name = "colony:wake:\(incarnation)"
        // Ends by itself: it only opens the connection, which is closed with this object.
        let task = Task { () -> RedisConnection in
            let connection = try await RedisConnection.connect(to: endpoint, name: name, on: loop)
            try await connection.subscribe(to: channels) { message in
                let text = String(buffer: message.payload)
                loop.execute { loopBound.value.woken(text) }
            }
            return connection
        }
        let promise = eventLoop.makePromise(of: RedisConnection.self)
        promise.completeWithTask { try await task.value }
        promise.futureResult.whenComplete { result in loopBound.value.subscribed(result, groups) }
    }

    private func subscribed(_ result: Result<RedisConnection, any Error>, _ groups: Set<String>) {
        isSubscribing = false
        guard case .success(let fresh) = result, !isStopped else { return }
        subscriber = fresh
        subscribedGroups = groups
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        fresh.closeFuture.whenComplete { [weak fresh] _ in
            guard let fresh, loopBound.value.subscriber === fresh else { return }
            loopBound.value.subscriber = nil
            loopBound.value.subscribedGroups = []
        }
        subscribeToWakes()
    }

    func woken(_ text: String) {
        switch Wake(text) {
        case .freed(let feed, let preferred):
            feeds[feed]?.post(.freed(preferred: preferred))
            // Why was it freed? Somebody died or drains: the ranks are others now. The claims of those that are freed with it go first.
            let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
            eventLoop.scheduleTask(in: .milliseconds(5)) {
                let state = loopBound.value
                state.perform(state.placement.hurry(now: .now()))
            }
        case .subscriptions(let feed): readSubscriptions([feed])
        case .request(let field): wokenByRequest(field)
        case nil: break
        }
    }
}
