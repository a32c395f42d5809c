import Coordination
import Testing

@Suite struct CatalogueMemoryTests {
    private let entry = CatalogueEntry(exchange: "binance", budget: "binance")
    private let binance = FeedName("binance")
    private let kraken = FeedName("kraken")

    @Test func `within one data set the catalogue is what Redis says`() {
        var memory = CatalogueMemory()
        memory.read([binance: entry, kraken: entry], generation: "a")
        memory.read([kraken: entry], generation: "a")
        #expect(Set(memory.feeds.keys) == [kraken])
        #expect(memory.missing.isEmpty)
    }

    @Test func `feeds of a lost data set are kept until they are entered again`() {
        var memory = CatalogueMemory()
        memory.read([binance: entry, kraken: entry], generation: "a")
        memory.read([:], generation: "b")
        #expect(Set(memory.feeds.keys) == [binance, kraken])
        #expect(memory.missing == [binance, kraken])
        memory.read([binance: entry], generation: "b")
        #expect(Set(memory.feeds.keys) == [binance, kraken])
        #expect(memory.missing == [kraken])
        memory.read([binance: entry, kraken: entry], generation: "b")
        #expect(memory.missing.isEmpty)
        // From here on a removal is one.
        memory.read([kraken: entry], generation: "b")
        #expect(Set(memory.feeds.keys) == [kraken])
    }

    @Test func `a worker that has just started remembers nothing`() {
        var memory = CatalogueMemory()
        memory.read([:], generation: "a")
        #expect(memory.feeds.isEmpty)
        #expect(memory.missing.isEmpty)
    }

    @Test func `what a new data set says of a feed counts more than the memory`() {
        var memory = CatalogueMemory()
        memory.read([binance: entry], generation: "a")
        let other = CatalogueEntry(exchange: "binance", budget: "shared")
        memory.read([binance: other], generation: "b")
        #expect(memory.feeds == [binance: other])
        #expect(memory.missing.isEmpty)
    }
}
