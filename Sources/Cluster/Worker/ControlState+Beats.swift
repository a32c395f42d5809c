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
            if reply.generation != generation { dataSetChanged(to: reply.generation) }
            membersVersion = reply.membersVersion
            redisNow = reply.now
            perform(
                placement.beatReplied(membersVersion: reply.membersVersion, catalogueVersion: reply.catalogueVersion, now: .now()),
                catalogueVersion: reply.catalogueVersion)
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
