import Foundation
import TestSupport
import Testing

@testable import History

/// Times here are milliseconds; the recording has nanoseconds.
@Suite struct FaultGapTests {
    private func gaps(
        _ beginnings: [FeedHistory.Beginning], sockets: [TrueSocket], acquisitions: [EventHistory.Acquisition] = []
    ) throws -> HistoryVerdict.FaultKind {
        let path = try OrphanGuard.shared.makeDirectory("gaps") + "/faults.jsonl"
        let line = #"{"t":"fault","boot":1000000000,"kind":"move","worker":"a.1","feeds":"binance","detail":""}"# + "\n"
        try line.write(toFile: path, atomically: true, encoding: .utf8)
        var gaps = try FaultGaps(path)
        gaps.measure(acquisitions, beginnings: ["binance": beginnings], sockets: ["binance": sockets])
        return try #require(gaps.kinds.first)
    }

    private func socket(_ opened: Int64, closed: Int64, closing: Int64 = 0) -> TrueSocket {
        TrueSocket(
            number: UInt64(opened), exchange: "binance", peer: "", opened: opened * 1_000_000, closed: closed * 1_000_000,
            closing: closing * 1_000_000)
    }

    @Test func `an owner that goes on receiving has no gap until its last packet`() throws {
        let move = try gaps(
            [.init(up: 1_300_000_000, lastPacketBefore: 1_250_000_000, firstPacket: 1_330_000_000)], sockets: [])
        #expect(move.packetGap.max == 80)
    }

    @Test func `packets from before the fault do not lengthen the gap`() throws {
        let kill = try gaps([.init(up: 1_300_000_000, lastPacketBefore: 700_000_000, firstPacket: 1_330_000_000)], sockets: [])
        #expect(kill.packetGap.max == 330)
    }

    @Test(arguments: [true, false])
    func `a lease that its holder gives up is missing from then on, that of a dead holder from the fault on`(isHandedBack: Bool) throws {
        let gap = try gaps(
            [], sockets: [],
            acquisitions: [
                .init(
                    feed: "binance", worker: "a.1", epoch: 1, boot: 500_000_000, ended: 1_900_000_000, isHandedBack: isHandedBack),
                .init(feed: "binance", worker: "b.1", epoch: 2, boot: 1_905_000_000),
            ])
        #expect(gap.leaseGap.max == (isHandedBack ? 5 : 905))
    }

    @Test func `a websocket is gone with its first close frame`() throws {
        let move = try gaps(
            [], sockets: [socket(500, closed: 1260, closing: 1240), socket(1300, closed: 9000), socket(4000, closed: 9000)])
        #expect(move.websocketGap.max == 60)
        #expect(move.websocketGap.count == 1)
    }

    @Test func `a websocket that ended without a close frame is gone with its connection`() throws {
        let kill = try gaps([], sockets: [socket(500, closed: 1001), socket(1300, closed: 9000)])
        #expect(kill.websocketGap.max == 299)
    }

    @Test func `the first websocket of all ends no gap`() throws {
        let first = try gaps([], sockets: [socket(1300, closed: 9000)])
        #expect(first.websocketGap.count == 0)
    }
}
