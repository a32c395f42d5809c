import Coordination
import Testing

@Suite struct NameWatchTests {
    private let own = Incarnation(name: "w", random: 1)
    private let rival = Incarnation(name: "w", random: 2)
    private let other = Incarnation(name: "v", random: 3)

    @Test func `a foreign incarnation of the name that goes on beating for T is in the way`() {
        var watch = NameWatch(own: own, patience: .seconds(6), now: at(0))
        #expect(watch.read([(own, 100), (rival, 50), (other, 70)], now: at(0)) == nil)
        #expect(watch.read([(own, 5100), (rival, 5050), (other, 5070)], now: at(5000)) == nil)
        #expect(watch.read([(own, 6100), (rival, 6050), (other, 6070)], now: at(6000)) == rival)
    }

    @Test func `a predecessor that beats no more is not`() {
        var watch = NameWatch(own: own, patience: .seconds(6), now: at(0))
        _ = watch.read([(own, 100), (rival, 50)], now: at(0))
        #expect(watch.read([(own, 9000), (rival, 50)], now: at(9000)) == nil)
    }

    @Test func `who was there first goes on`() {
        var watch = NameWatch(own: own, patience: .seconds(6), now: at(0))
        #expect(watch.read([(own, 100)], now: at(0)) == nil)
        #expect(watch.read([(own, 9000), (rival, 9000)], now: at(9000)) == nil)
        #expect(watch.read([(own, 17_000), (rival, 17_000)], now: at(17_000)) == nil)
        #expect(!watch.isWatching(now: at(1000)))
    }

    @Test func `it looks only for a while`() {
        var watch = NameWatch(own: own, patience: .seconds(6), now: at(0))
        _ = watch.read([(rival, 50)], now: at(0))
        #expect(watch.isWatching(now: at(17_999)))
        #expect(!watch.isWatching(now: at(18_000)))
    }
}
