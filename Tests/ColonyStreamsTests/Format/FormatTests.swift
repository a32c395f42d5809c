import ColonyStreams
import Coordination
import Foundation
import NIOCore
import Testing

@Suite("Events as lines")
struct FormatTests {
    static let feed = FeedName("binance")
    static let id = EntryID(milliseconds: 1_763_812_345_678, epoch: 42, sequence: 17)

    static func packet(_ data: ByteBuffer, missing: Missing? = nil) -> ColonyEvent {
        .packet(
            Packet(
                stream: "colony:{binance}:trade:BTCUSDT", feed: feed, topic: StreamTopic(channel: "trade", symbol: "BTCUSDT"), id: id,
                timeNanoseconds: 1_763_812_345_678_123_456, data: data, missing: missing))
    }

    @Test("A packet is one line of JSON with the documented members")
    func packetsAsJSON() {
        #expect(
            Self.packet(ByteBuffer(string: #"{"p":"1"}"#)).jsonLine
                == #"{"stream":"colony:{binance}:trade:BTCUSDT","id":"1763812345678-42000000000017","epoch":42,"sequence":17,"#
                + #""time":1763812345678123456,"whole":true,"data":"{\"p\":\"1\"}"}"#)
        #expect(
            Self.packet(ByteBuffer(string: "x"), missing: .rolledBack).jsonLine.contains(
                #""whole":false,"missing":"rolled_back","data":"x""#))
    }

    @Test("A payload that is not UTF-8 is base64", arguments: [0, 1, 2, 3, 4, 5, 100])
    func binaryAsBase64(count: Int) {
        let bytes = [0xff] + (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let expected = Data(bytes).base64EncodedString()
        #expect(Self.packet(ByteBuffer(bytes: bytes)).jsonLine.hasSuffix(#""data_base64":"\#(expected)"}"#))
    }

    @Test(
        "Every JSON line is read back by a JSON parser",
        arguments: [
            "", "plain", "quote \" backslash \\ slash /", "\u{0}\u{1}\u{1f}\u{7f}\n\r\t\u{8}\u{c}", "\u{2028}\u{2029}",
            "ü 漢 🏛️ e\u{301}\r\n",
        ])
    func textSurvives(text: String) throws {
        let line = Self.packet(ByteBuffer(string: text)).jsonLine
        #expect(!line.contains("\n") && !line.contains("\u{2028}"))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect((object["data"] as? String).map { Array($0.utf8) } == Array(text.utf8))
        #expect(object["id"] as? String == "1763812345678-42000000000017")
    }

    @Test("A marker is one line of JSON with its fields as text")
    func markersAsJSON() {
        let marker = Marker(.gap, fields: [.init("from", "3"), .init("to", "4"), .init("reason", "over\"flow"), .init("at", "5")])
        let event = ColonyEvent.gap(Gap(stream: "s", feed: Self.feed, id: Self.id, from: 3, to: 4, reason: "over\"flow", marker: marker))
        #expect(
            event.jsonLine
                == #"{"stream":"s","id":"1763812345678-42000000000017","epoch":42,"sequence":17,"marker":"gap","from":"3","to":"4","reason":"over\"flow","at":"5"}"#
        )
    }

    @Test("What is no entry is told as an event")
    func eventsAsJSON() {
        let trimmed = ColonyEvent.trimmed(
            Trimmed(stream: "s", feed: Self.feed, after: EntryID("5-1000000000001")!, before: Self.id, lostEstimate: 9))
        #expect(trimmed.jsonLine.hasSuffix(#""sequence":17,"event":"trimmed","after":"5-1000000000001","lost_estimate":9}"#))
        let rolledBack = ColonyEvent.rollback(
            Rollback(stream: "s", feed: Self.feed, id: Self.id, cause: .observed(lastGenerated: EntryID("5-1")!), marker: nil))
        #expect(rolledBack.jsonLine.hasSuffix(#""event":"rolled_back","last_generated":"5-1"}"#))
    }

    @Test("A line for people shows time, place, number and what happened")
    func linesForPeople() {
        #expect(Self.packet(ByteBuffer(string: "{\"p\":1}\n")).line() == "11:52:25.678 binance trade BTCUSDT 42/17 {\"p\":1} ")
        #expect(
            Self.packet(ByteBuffer(string: "abcdef"), missing: .lost).line(dataLimit: 3).hasSuffix("[incomplete: lost] abc... (6 bytes)"))
        #expect(Self.packet(ByteBuffer(bytes: [0xff])).line().hasSuffix("<1 bytes, not text>"))
        let up = ProducerChange(
            stream: "s", feed: Self.feed, id: Self.id, change: .up(worker: "w.1", tailComplete: false), marker: Marker(.up, fields: []))
        #expect(ColonyEvent.producerChanged(up).line() == "11:52:25.678 binance 42/17 UP at w.1; what came before is possibly cut off")
    }
}
