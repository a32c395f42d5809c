package import Cluster

/// The metrics of some workers and their feeds. The README's table lists them with unit and labels.
package enum ClusterMetrics {
    /// - Parameter isRedisUp: whether whoever is scraped reaches Redis; nil: not known.
    package static func families(_ workers: [WorkerSample], isRedisUp: Bool?, version: String) -> [MetricFamily] {
        var build = MetricFamily("colony_build_info", .gauge, "The version that runs; always 1.")
        build.add(1, ["version": version])
        var redis = MetricFamily("colony_redis_up", .gauge, "1 while the scraped process reaches Redis.")
        if let isRedisUp { redis.add(isRedisUp ? 1 : 0) }
        return [build, redis] + workerFamilies(workers) + feedFamilies(workers)
    }

    /// What Redis' records say of every feed of the catalogue, whoever holds it: for alarms that must fire when nobody does.
    ///
    /// - Parameter live: whether the feed is published, by feed; nil: not known, and nothing is told.
    package static func clusterFamilies(_ live: [String: Bool]?) -> [MetricFamily] {
        var family = MetricFamily(
            "colony_cluster_feed_live", .gauge, "1 while some worker of the cluster holds the feed with an open websocket, 0 else.")
        for (feed, isLive) in (live ?? [:]).sorted(by: { $0.key < $1.key }) { family.add(isLive ? 1 : 0, ["feed": feed]) }
        return [family]
    }

    private static func workerFamilies(_ workers: [WorkerSample]) -> [MetricFamily] {
        var isUp = MetricFamily("colony_worker_up", .gauge, "1 while the worker process runs.")
        var isReady = MetricFamily("colony_worker_ready", .gauge, "1 while the worker takes feeds: it runs and does not drain.")
        var redis = MetricFamily("colony_worker_redis_up", .gauge, "1 while the worker's control connection to Redis is up.")
        var restarts = MetricFamily("colony_worker_restarts_total", .counter, "Times the worker process was started again.")
        var feeds = MetricFamily("colony_worker_feeds", .gauge, "Feeds whose lease the worker holds.")
        var cpu = MetricFamily("colony_worker_cpu_seconds_total", .counter, "Processor time of the worker process, user and system.")
        var memory = MetricFamily("colony_worker_resident_memory_bytes", .gauge, "Resident memory of the worker process.")
        for worker in workers {
            isUp.add(worker.isUp ? 1 : 0, ["worker": worker.name])
            isReady.add(worker.isUp && worker.state == "ready" ? 1 : 0, ["worker": worker.name])
            if let up = worker.isRedisUp { redis.add(up ? 1 : 0, ["worker": worker.name]) }
            if let count = worker.restarts { restarts.add(Double(count), ["worker": worker.name]) }
            feeds.add(Double(worker.heldFeeds), ["worker": worker.name])
            if let seconds = worker.cpuSeconds { cpu.add(seconds, ["worker": worker.name]) }
            if let bytes = worker.residentBytes { memory.add(Double(bytes), ["worker": worker.name]) }
        }
        return [isUp, isReady, redis, restarts, feeds, cpu, memory]
    }

    private static func feedFamilies(_ workers: [WorkerSample]) -> [MetricFamily] {
        var live = MetricFamily("colony_feed_live", .gauge, "1 while the worker has the feed's websocket open and publishes.")
        var epoch = MetricFamily("colony_feed_epoch", .gauge, "The feed's epoch as the worker knows it.")
        var packets = MetricFamily("colony_feed_packets_total", .counter, "Packets received, by the worker process' life.")
        var bytes = MetricFamily("colony_feed_received_bytes_total", .counter, "Payload bytes of the packets received.")
        var dropped = MetricFamily(
            "colony_feed_dropped_packets_total", .counter, "Packets received and not stored; a gap or fence marker covers each.")
        var malformed = MetricFamily("colony_feed_malformed_messages_total", .counter, "Messages that the dialect could not read.")
        var connections = MetricFamily("colony_feed_connections_total", .counter, "Websockets opened.")
        var failures = MetricFamily("colony_feed_failed_attempts_total", .counter, "Attempts to open a websocket that failed.")
        var ring = MetricFamily("colony_feed_ring_bytes", .gauge, "Memory held by packets that are not durable yet.")
        var streams = MetricFamily("colony_feed_streams", .gauge, "Data streams the worker has written for the feed.")
        var subscriptions = MetricFamily("colony_feed_subscriptions", .gauge, "Desired subscriptions by state.")
        for worker in workers {
            for (feed, report) in worker.feeds.sorted(by: { $0.key < $1.key }) {
                let labels: KeyValuePairs = ["feed": feed, "worker": worker.name]
                live.add(report.phase == "live" ? 1 : 0, labels)
                epoch.add(Double(report.epoch), labels)
                packets.add(Double(report.packets), labels)
                bytes.add(Double(report.bytes), labels)
                dropped.add(Double(report.dropped), labels)
                malformed.add(Double(report.malformed), labels)
                connections.add(Double(report.connections ?? 0), labels)
                failures.add(Double(report.failures ?? 0), labels)
                ring.add(Double(report.ringBytes), labels)
                streams.add(Double(report.streams), labels)
                // A small closed set: the exchange's own words behind `rejected` are for people.
                var counts: [String: Int] = [:]
                for state in report.subscriptions.values { counts[String(state.prefix { $0 != ":" }), default: 0] += 1 }
                for (state, count) in counts.sorted(by: { $0.key < $1.key }) {
                    subscriptions.add(Double(count), ["feed": feed, "worker": worker.name, "state": state])
                }
            }
        }
        return [live, epoch, packets, bytes, dropped, malformed, connections, failures, ring, streams, subscriptions]
    }
}
