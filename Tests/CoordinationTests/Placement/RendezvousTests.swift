import Coordination
import Glibc
import Testing

@Suite struct RendezvousTests {
    private func workers(_ count: Int, weight: (Int) -> Double = { _ in 1 }) -> [Rendezvous.Candidate] {
        (0..<count).map { Rendezvous.Candidate(name: "w\($0)", weight: weight($0)) }
    }

    private func feeds(_ count: Int) -> [FeedName] { (0..<count).map { FeedName("exchange\($0 / 3)/\($0)") } }

    @Test(
        arguments: [
            ("", 0xefd0_1f60_ba99_2926), ("a", 0x82a2_a958_a9be_ce5b), ("binance", 0x1813_f437_03fa_d2df), ("okx/2", 0xbb7d_6bab_041d_6ca7),
            ("wörker", 0x74ac_bb70_e30f_312d),
        ] as [(String, UInt64)])
    func `the hash is the documented one, for ever`(text: String, hash: UInt64) {
        #expect(StableHash.of(text) == hash)
    }

    @Test func `the hash of a pair depends on the order of its halves`() {
        let (feed, worker) = (StableHash.of("binance"), StableHash.of("w-1"))
        #expect(StableHash.pair(feed, worker) == 0xe665_4395_71ab_6ac9)
        #expect(StableHash.pair(worker, feed) == 0xba2b_2cc0_a52b_f5fa)
    }

    @Test(
        arguments: [
            ("binance", [4, 2, 3, 5, 1]), ("bitfinex_swap", [2, 1, 5, 4, 3]), ("okx/2", [2, 4, 1, 3, 5]),
        ] as [(String, [Int])])
    func `the ranks are the documented ones, for ever`(feed: String, order: [Int]) {
        let workers = (1...5).map { Rendezvous.Candidate(name: "tokyo-\($0)", weight: 1) }
        #expect(Rendezvous.ranked(FeedName(feed), among: workers).map(\.name) == order.map { "tokyo-\($0)" })
    }

    @Test func `a fraction is never 0 and never 1`() {
        #expect(StableHash.fraction(0) == 0x1p-53)
        #expect(StableHash.fraction(.max) < 1)
        #expect(StableHash.fraction(1 << 63) > 0.5)
    }

    @Test func `the logarithm is right to the last bits over its whole range`() {
        var random = SeededGenerator(seed: 1)
        var values = [StableHash.fraction(0), StableHash.fraction(.max), 0.5, 0.999, 0.707_106_781_186_547_6]
        for _ in 0..<2000 { values.append(StableHash.fraction(random.next() >> UInt64.random(in: 0...50, using: &random))) }
        for value in values {
            let exact = log(value)
            #expect(abs(StableHash.logarithm(value) - exact) <= abs(exact) * 1e-15 + 1e-17, "ln \(value)")
        }
    }

    @Test func `a worker that joins takes feeds only for itself, one that leaves gives away only its own`() {
        let all = workers(21)
        for feed in feeds(600) {
            let with = Rendezvous.ranked(feed, among: all).map(\.name)
            for gone in [0, 7, 20] {
                let without = Rendezvous.ranked(feed, among: all.filter { $0.name != "w\(gone)" }).map(\.name)
                // The order of the others does not change, so the first one changes only where it is the one that comes or goes.
                #expect(without == with.filter { $0 != "w\(gone)" })
            }
        }
    }

    @Test func `a higher weight never costs a worker a feed, and shares follow the weights`() {
        let feeds = feeds(6000)
        let light = workers(10)
        let heavy = workers(10) { $0 == 3 ? 3 : 1 }
        var counts = [0, 0]
        for feed in feeds {
            let before = Rendezvous.ranked(feed, among: light)[0].name
            let after = Rendezvous.ranked(feed, among: heavy)[0].name
            if before == "w3" { #expect(after == "w3") }
            #expect(after == "w3" || after == before)
            counts[0] += before == "w3" ? 1 : 0
            counts[1] += after == "w3" ? 1 : 0
        }
        // Fair shares are 600 of 6,000, and with weight 3 of 12 in all, 1,500.
        #expect((520...680).contains(counts[0]), "\(counts)")
        #expect((1380...1620).contains(counts[1]), "\(counts)")
    }

    @Test func `without the cap the fullest of ten workers has at most half more than the mean`() {
        var counts: [String: Int] = [:]
        for feed in feeds(1000) { counts[Rendezvous.ranked(feed, among: workers(10))[0].name, default: 0] += 1 }
        #expect(counts.count == 10)
        #expect((counts.values.max() ?? 0) <= 150)
    }
}
