import Coordination
import NIOCore
import RedisClient
import Testing

/// The shape of the commands, and what unknown replies do.
struct CallTests {
    private let feed = Keys().feed(FeedName("binance"), group: "binance")
    private let token = Token(incarnation: Incarnation(name: "a", random: 0xaa), epoch: 7)

    private func texts(_ command: [RedisArgument]) -> [String] {
        command.map { argument in
            switch argument {
            case .string(let text): text
            case .bytes(let buffer): String(buffer: buffer)
            }
        }
    }

    @Test func publishNamesKeysBoundsAndPacketsInTheOrderOfTheTable() {
        let call = PublishCall(
            feed: feed, token: token, first: 5, controlMaximumLength: 100,
            streams: [.init(key: "colony:{binance}:trade:BTC", maximumLength: 200)],
            packets: [
                .init(
                    stream: 1, id: EntryID(milliseconds: 1000, epoch: 7, sequence: 5), timeNanoseconds: 9, previous: 4,
                    data: ByteBuffer(string: "{}"))
            ])
        #expect(
            texts(call.arguments()) == [
                "FCALL", "colony1_publish", "4", "colony:{binance}:lease:binance", "colony:{binance}:feed:binance",
                "colony:{binance}:streams:binance", "colony:{binance}:trade:BTC", "a.00000000000000aa:7", "5", "100", "200", "1",
                "1000-7000000000005", "9", "4", "{}",
            ])
    }

    @Test func resumeTellsAnUnknownAdmissionAsAnEmptyText() {
        let call = ResumeCall(
            feed: feed, incarnation: token.incarnation, epoch: 7, next: 3, ttlMilliseconds: 6000, floorMilliseconds: 9, server: "run",
            jump: 100, renumber: true, admittedAgeMilliseconds: nil)
        #expect(
            texts(call.arguments()) == [
                "FCALL", "colony1_resume", "4", "colony:{binance}:lease:binance", "colony:{binance}:disconnects",
                "colony:{binance}:feed:binance", "colony:{binance}:events", "a.00000000000000aa", "7", "3", "6000", "9", "run", "100", "1",
                "",
            ])
    }

    @Test func observeIsCalledReadOnly() {
        #expect(
            texts(ObserveCall(feeds: [feed]).arguments()) == ["FCALL_RO", "colony1_observe", "1", "colony:{binance}:lease:binance"])
    }

    private func reply(_ texts: String...) -> RedisValue { .array(texts.map { .bytes(ByteBuffer(string: $0)) }) }

    @Test func repliesOfAnotherVersionAreErrorsThatNameFunctionAndReply() {
        #expect(throws: CoordinationError.self) { try AcquireCall.decode(reply("0", "MAYBE")) }
        #expect(throws: CoordinationError.self) { try AcquireCall.decode(reply("1", "5")) }
        #expect(throws: CoordinationError.self) { try GateCall.decode(.null) }
        #expect(throws: CoordinationError.self) { try GateCall.decode(reply("0", "DUE", "soon")) }
        #expect(throws: CoordinationError.self) { try PublishCall.decode(reply("0", "ORDER", "5", "top")) }
        #expect(throws: CoordinationError.self) { try RenewCall.decode(reply("2", "1763812345678")) }
        #expect(throws: CoordinationError.self) { try ObserveCall.decode(.array([reply("lost", "")])) }
        do {
            _ = try DisconnectCall.decode(reply("0", "MAYBE"))
            Issue.record("decoded")
        } catch {
            #expect(error.code == .unexpectedReply && error.description.contains("disconnect") && error.description.contains("MAYBE"))
        }
    }

    @Test func aWakeReadsItsOwnText() {
        let wakes = [
            Wake.freed(FeedName("binance/2")), .freed(FeedName("binance"), preferred: "host-1"), .subscriptions(FeedName("kraken")),
        ]
        for wake in wakes { #expect(Wake(wake.description) == wake) }
        #expect(Wake("freed ") == nil)
        #expect(Wake("freed") == nil)
        #expect(Wake("other binance") == nil)
    }
}
