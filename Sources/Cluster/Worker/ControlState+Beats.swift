import Coordination
import Ingest
import Logging
import NIOCore
import RedisClient

/// What this worker tells about itself.
extension ControlState {
    func beat() {
        guard connection != nil, !serverRunID.isEmpty else { return }
        call(BeatCall(namespace: configuration.keys, incarnation: incarnation, info: info()), timeout: .seconds(2)) { [self] result in
            guard case .success(let reply) = result else { return }
            if reply.generation != generation {
                generation = reply.generation
                for feed in feeds.values { tellGeneration(feed) }
            }
            membersVersion = reply.membersVersion
            redisNow = reply.now
            perform(
                placement.beatReplied(membersVersion: reply.membersVersion, catalogueVersion: reply.catalogueVersion, now: .now()),
                catalogueVersion: reply.catalogueVersion)
            readSilent(now: reply.now)
        }
        for handle in feeds.values {
            let feed = handle.feed
            let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
            let loop = eventLoop
            handle.run { runner in
                let status = runner.status
                loop.execute { loopBound.value.statuses[feed] = status }
            }
        }
        readSubscriptions(Array(feeds.keys))
        readAdmissions {}
        pollRequests()
        tellParked()
        subscribeToWakes()
    }

    /// A beat out of turn, to learn of changed members at once; many wake-ups make one.
    func hurry() {
        guard !isHurrying else { return }
        isHurrying = true
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: .milliseconds(1)) {
            loopBound.value.isHurrying = false
            loopBound.value.readMembers()
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
        let feedsText: String
        do { feedsText = try WorkerFeedReport.encode(reports) } catch {
            logger.error("Feed reports cannot be encoded", error: error)
            feedsText = "{}"
        }
        return [
            .init("host", configuration.worker.host), .init("pid", "\(ProcessInformation.pid)"), .init("name", incarnation.name),
            .init("state", isDraining || parked != nil ? "draining" : "ready"), .init("weight", "\(configuration.worker.weight)"),
            .init("load", "\(placement.load)"), .init("version", ProcessInformation.version), .init("redis_client_id", redisClientID),
            .init("started_at", "\(startedAtMilliseconds)"), .init("deadman", deadman.isOn ? "on" : "off"), .init("feeds", feedsText),
        ]
    }
}
