import Dashboard
import Testing

@testable import Cluster

@Suite struct MetricsTests {
    @Test func `help and type come once, before the samples of their metric`() {
        var family = MetricFamily("colony_feed_live", .gauge, "One while\nit \"lives\" \\ runs.")
        family.add(1, ["feed": "binance", "worker": "w-1"])
        family.add(0.5, ["feed": "a\"b\\c\nd", "worker": "w-2"])
        #expect(
            MetricsText.write([family]) == #"""
                # HELP colony_feed_live One while\nit "lives" \\ runs.
                # TYPE colony_feed_live gauge
                colony_feed_live{feed="binance",worker="w-1"} 1
                colony_feed_live{feed="a\"b\\c\nd",worker="w-2"} 0.5

                """#)
    }

    @Test func `a metric without samples is left out`() {
        #expect(MetricsText.write([MetricFamily("colony_redis_up", .gauge, "x")]) == "")
    }

    @Test func `counters and no gauges are called total, and every name tells whose it is`() {
        let families = ClusterMetrics.families(
            [
                WorkerSample(
                    name: "w-1", isUp: true, state: "ready", restarts: 2, heldFeeds: 1, cpuSeconds: 1.5, residentBytes: 4096, feeds: [:])
            ],
            isRedisUp: true, version: "1")
        #expect(families.count == Set(families.map(\.name)).count)
        for family in families {
            #expect(family.name.hasPrefix("colony_"))
            #expect(family.name.hasSuffix("_total") == (family.kind == .counter), "\(family.name)")
            #expect(family.help.hasSuffix("."))
        }
        let text = MetricsText.write(families)
        #expect(text.contains("colony_worker_restarts_total{worker=\"w-1\"} 2\n"))
        #expect(text.contains("colony_worker_cpu_seconds_total{worker=\"w-1\"} 1.5\n"))
        #expect(text.contains("colony_redis_up 1\n"))
    }

    @Test func `a worker that does not run is neither up nor ready`() {
        let worker = WorkerSample(name: "w-1", isUp: false, state: "ready", heldFeeds: 0, feeds: [:])
        let text = MetricsText.write(ClusterMetrics.families([worker], isRedisUp: nil, version: "1"))
        #expect(text.contains("colony_worker_up{worker=\"w-1\"} 0\n"))
        #expect(text.contains("colony_worker_ready{worker=\"w-1\"} 0\n"))
        #expect(!text.contains("colony_redis_up"))
    }

    @Test func `a feed that nobody holds is told as not live, without a worker's label`() {
        let text = MetricsText.write(ClusterMetrics.clusterFamilies(["kraken": true, "binance/feed": false]))
        #expect(text.contains("colony_cluster_feed_live{feed=\"binance/feed\"} 0\ncolony_cluster_feed_live{feed=\"kraken\"} 1\n"))
    }

    @Test func `where Redis cannot be read nothing is claimed about the cluster's feeds`() {
        #expect(MetricsText.write(ClusterMetrics.clusterFamilies(nil)) == "")
    }

    @Test(arguments: [
        (["state": "held", "phase": "live"], true), (["state": "free", "phase": "live"], false),
        (["state": "held", "phase": "connecting"], false), ([:], false),
    ])
    func `a feed is live only while its lease is held with an open websocket`(record: [String: String], isLive: Bool) {
        #expect(ClusterClient.isLive(record) == isLive)
    }
}
