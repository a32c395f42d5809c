import Coordination
import Ingest
import Logging
import NIOCore
import RedisClient

/// What this worker tells about itself.
extension ControlState {
    func beat() {
        reportTurn += 1
        if reportTurn % 2 == 0 { report() }
        guard connection != nil, !serverRunID.isEmpty else { return }
        call(BeatCall(namespace: configuration.keys, incarnation: incarnation, info: info()), timeout: .seconds(2)) { [self] result in
            guard case .success(let reply) = result else { return }
            if reply.generation != generation { dataSetChanged(to: reply.generation) }
            membersVersion = reply.membersVersion
            redisRead(reply.now)
            perform(
                placement.beatReplied(membersVersion: reply.membersVersion, catalogueVersion: reply.catalogueVersion, now: .now()),
                catalogueVersion: reply.catalogueVersion)
            // What could not be entered again is tried with every beat.
            if !memory.missing.isEmpty { readCatalogue(nil) }
        }
        // Sent along: the beat before this one told the time.
        if redisNow > 0 { readSilent(now: redisNow + Self.beatMilliseconds) }
        for handle in feeds.values {
            let feed = handle.feed
            let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
            let loop = eventLoop
            handle.run { runner in
                let status = runner.status
                loop.execute { loopBound.value.statuses[feed] = status }
            }
        }
        // Only of what is held: all workers asking for all feeds would be feeds times workers a second. The others' come with the lease.
        // In turns: a change of what is wanted wakes us anyway, and moves for balance, which ask for admissions, are a minute apart.
        beats += 1
        if beats % 2 == 0 { readSubscriptions(Array(held)) } else { readAdmissions {} }
        pollRequests()
        watchName()
        tellParked()
        subscribeToWakes()
    }

    /// Behind the beat that is under way, so that two that start at once see each other.
    private func watchName() {
        guard nameWatch.isWatching(now: .now()) else { return }
        send(["ZRANGE", .string(configuration.keys.beats), "0", "-1", "WITHSCORES"]) { [self] result in
            guard case .success(let reply) = result, let values = reply.array else { return }
            var beats: [(incarnation: Incarnation, at: Int64)] = []
            for index in stride(from: 0, to: values.count - 1, by: 2) {
                guard let text = values[index].string, let score = values[index + 1].string.flatMap({ Double($0) }) else { continue }
                beats.append((Incarnation(text), Int64(score)))
            }
            guard let rival = nameWatch.read(beats, now: .now()) else { return }
            nameTaken(by: rival)
        }
    }

    /// The one that started later ends; of two that started in the same millisecond the one with the higher digits.
    private func nameTaken(by rival: Incarnation) {
        send(["HGET", .string(configuration.keys.worker(rival)), "started_at"]) { [self] result in
            guard case .success(let reply) = result, let started = reply.integer else { return }
            guard (started, rival.text) < (startedAtMilliseconds, incarnation.text) else { return }
            onNameTaken?(rival)
        }
    }

    /// For the supervisor's metrics, which are wanted most when Redis is away.
    private func report() {
        guard let onReport else { return }
        do {
            let own = WorkerSelfReport(
                state: isDraining || parked != nil ? "draining" : "ready", isRedisUp: connection != nil && !serverRunID.isEmpty,
                held: held.count)
            onReport("worker \(try own.json())")
            for (feed, status) in statuses {
                let report = WorkerFeedReport(status, packetsPerSecond: 0)
                if report.isOwn { onReport("feed \(feed) \(report.json())") }
            }
            onReport("reported")
        } catch {
            logger.error("Feed reports cannot be encoded", error: error)
        }
    }

    private func info() -> [BeatCall.Field] {
        let now = LocalTime.now()
        var reports: [String: WorkerFeedReport] = [:]
        for (feed, status) in statuses {
            let last = lastPackets[feed] ?? (status.packets, now)
            let seconds = Double((now - last.at).wholeMilliseconds) / 1000
            reports[feed.text] = WorkerFeedReport(
                status, packetsPerSecond: seconds > 0 ? (Double(status.packets - last.packets) / seconds * 10).rounded() / 10 : 0)
            lastPackets[feed] = (status.packets, now)
        }
        return [
            .init("host", configuration.worker.host), .init("pid", "\(ProcessInformation.pid)"), .init("name", incarnation.name),
            .init("supervisor", configuration.worker.supervisor), .init("state", isDraining || parked != nil ? "draining" : "ready"),
            .init("weight", "\(configuration.worker.weight)"),
            .init("load", "\(placement.load)"), .init("version", ProcessInformation.version), .init("redis_client_id", redisClientID),
            .init("started_at", "\(startedAtMilliseconds)"), .init("deadman", deadman.isOn ? "on" : "off"),
            .init("feeds", WorkerFeedReport.encode(reports)),
        ]
    }
}
