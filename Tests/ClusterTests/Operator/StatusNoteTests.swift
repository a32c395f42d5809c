import Coordination
import Testing

@testable import Cluster

/// What `colony status` says of feeds without a websocket, and `colony drain` of workers without a successor.
@Suite struct StatusNoteTests {
    private func worker(_ name: String, _ state: String = "ready", beat: Int64 = 300, feeds: [String] = []) -> ClusterStatus.Worker {
        ClusterStatus.Worker(
            id: "\(name).0000000000000001", pid: 1, host: "h", state: state, feeds: feeds, beatAgeMilliseconds: beat, version: "1")
    }

    private func status(_ workers: [ClusterStatus.Worker]) -> ClusterStatus {
        ClusterStatus(
            workers: workers, feeds: [],
            redis: .init(address: "a", version: "7", role: "master", usedMemoryBytes: 0, generation: ""))
    }

    private func feed(
        holder: String = "w.0000000000000001", phase: String = "waiting", pending: String = "none", in milliseconds: Int64 = 0,
        reason: String = "", free: Int64? = nil
    ) -> ClusterStatus.Feed {
        ClusterStatus.Feed(
            feed: "kraken", exchange: "kraken", holder: holder, epoch: 1, phase: phase, pending: pending, pendingMilliseconds: milliseconds,
            packetsTotal: 0, packetsPerSecond: 0, streams: 0, subscriptions: [:], disconnects: 0, lastAdmittedAgeMilliseconds: nil,
            dropped: 0, reason: reason, freeMilliseconds: free)
    }

    @Test func `the reason of the last failed attempt stands beside the time of the next, until it is live`() {
        let status = status([worker("w")])
        #expect(status.note(of: feed(pending: "due", in: 18_400, reason: "refused: 429")) == "connects in 19 s: refused: 429")
        #expect(status.note(of: feed(pending: "cooling", in: 1000, reason: "closed by the peer")) == "cooling 1 s: closed by the peer")
        #expect(status.note(of: feed(phase: "connecting", pending: "due", reason: "refused: 503")) == "refused: 503")
        #expect(status.note(of: feed(pending: "due", in: 500)) == "connects in 1 s")
        #expect(status.note(of: feed(phase: "live", reason: "refused: 503")) == "")
    }

    @Test func `a feed that nobody takes is told as such`() {
        #expect(status([]).note(of: feed(holder: "", pending: "due", free: 500)) == "no worker is ready")
        #expect(status([worker("w", "draining")]).note(of: feed(holder: "", free: 90_000)) == "no worker is ready")
        #expect(status([worker("w", beat: 6000)]).note(of: feed(holder: "", free: 90_000)) == "no worker is ready")
        let ready = status([worker("w")])
        #expect(ready.note(of: feed(holder: "", pending: "due", in: 100, free: 200)) == "free")
        #expect(ready.note(of: feed(holder: "", pending: "due", free: 12_900)) == "nobody has taken it for 12 s")
        #expect(ready.note(of: feed(holder: "", pending: "cooling", in: 3000, free: 4000)) == "nobody has taken it for 4 s, cooling 3 s")
        #expect(ready.note(of: feed(holder: "", phase: "live")) == "not taken yet")
    }

    @Test func `a drain that leaves feeds to nobody is warned about, and no other`() {
        let busy = worker("a", feeds: ["kraken"])
        #expect(DrainOutlook(draining: ["a"], of: status([busy])).warning?.contains("of 1 feed until") == true)
        let two = status([worker("a", feeds: ["x", "y"]), worker("b", "draining"), worker("c", beat: 9000)])
        #expect(DrainOutlook(draining: ["a"], of: two).warning?.contains("of 2 feeds until") == true)
        #expect(DrainOutlook(draining: ["a"], of: status([busy, worker("b")])).warning == nil)
        #expect(DrainOutlook(draining: ["a", "b"], of: status([busy, worker("b")])).warning != nil)
        #expect(DrainOutlook(draining: ["b"], of: status([busy, worker("b")])).warning == nil)
        #expect(DrainOutlook(draining: ["a"], of: status([worker("a")])).warning == nil)
    }
}
