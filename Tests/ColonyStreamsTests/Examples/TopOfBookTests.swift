import ColonyStreams
import Coordination
import TestSupport
import Testing

@Suite("The example strategy", .timeLimit(.minutes(2)))
struct TopOfBookTests {
    private func quote(_ bid: Double, _ ask: Double) -> (String, String) {
        ("bbo:BTCUSDT", #"{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"\#(bid)","B":"1","a":"\#(ask)","A":"1"}}"#)
    }

    @Test("It trades on the newest quote, stops on down, and resumes with the first quote after up")
    func stopsAndResumes() async throws {
        try await withRedis { redis in
            var producer = try await TestProducer(on: redis)
            let subscription = Subscription("binance", "bbo", "BTCUSDT")
            var reader = try ColonyConsumer.reading(redis, subscription).makeAsyncIterator()
            var book = TopOfBook()
            func follow(_ isLast: (ColonyEvent) -> Bool) async throws {
                for event in try await reader.events(until: isLast) { book.apply(event) }
            }
            func isUp(_ event: ColonyEvent) -> Bool { if case .up? = event.change { true } else { false } }
            func isDown(_ event: ColonyEvent) -> Bool { if case .down? = event.change { true } else { false } }

            #expect(!book.mayTrade)
            try await producer.start()
            try await follow(isUp)
            #expect(!book.mayTrade, "nothing is known yet")
            try await producer.publish([quote(25.1, 25.2), quote(25.3, 25.4)])
            try await follow { $0.packet?.text.contains("25.4") == true }
            #expect(book.mayTrade && book.quote == .init(bid: 25.3, ask: 25.4))
            try await producer.disconnect()
            try await follow(isDown)
            #expect(!book.mayTrade)
            try await producer.open()
            try await follow(isUp)
            #expect(!book.mayTrade, "the quote before the end does not count")
            try await producer.publish([quote(26.1, 26.2)])
            try await follow { $0.packet != nil }
            #expect(book.mayTrade && book.quote == .init(bid: 26.1, ask: 26.2))
            try await producer.lose("bbo:BTCUSDT")
            try await producer.publish([quote(26.5, 26.6)])
            var sawGap = false
            try await follow { event in
                if event.gap != nil { sawGap = true }
                return event.packet != nil
            }
            #expect(sawGap && book.mayTrade && book.quote == .init(bid: 26.5, ask: 26.6))
        }
    }
}
