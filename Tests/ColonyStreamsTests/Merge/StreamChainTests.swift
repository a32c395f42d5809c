import ColonyStreams
import Coordination
import NIOCore
import Testing

@Suite("The chain of prev and after")
struct StreamChainTests {
    static func id(_ epoch: Int, _ sequence: Int) -> EntryID { EntryID(milliseconds: 1_000, epoch: epoch, sequence: sequence) }

    static func packet(_ epoch: Int, _ sequence: Int, prev: Int?, after: EntryID? = nil) -> StreamEntry {
        StreamEntry(id: id(epoch, sequence), previous: prev, after: after, content: .packet(timeNanoseconds: 0, data: ByteBuffer()))
    }

    static func gap(_ epoch: Int, _ to: Int) -> StreamEntry {
        let fields = [Marker.Field("from", "1"), .init("to", "\(to)")]
        return StreamEntry(id: id(epoch, to), previous: nil, after: nil, content: .marker(Marker(.gap, fields: fields)))
    }

    /// A chain that has seen (1, 5).
    static var begun: StreamChain {
        var chain = StreamChain(cut: EntryID(milliseconds: 0, epoch: 0, sequence: 0))
        _ = chain.append(packet(1, 5, prev: 0, after: EntryID(milliseconds: 0, epoch: 0, sequence: 0)))
        return chain
    }

    @Test(
        "Within an epoch prev must be the entry before",
        arguments: [(5, nil), (8, .sequences(6...8)), (6, .sequences(6...6)), (3, .diverged)] as [(Int, StreamChain.Hole?)])
    func chainsWithinAnEpoch(prev: Int, hole: StreamChain.Hole?) {
        var chain = Self.begun
        #expect(chain.append(Self.packet(1, 9, prev: prev)) == hole)
    }

    @Test(
        "In a new epoch after must be the last id before",
        arguments: [
            (id(1, 5), nil), (id(1, 7), .through(id(1, 7))), (id(1, 4), .diverged), (nil, .sequences(1...2)),
        ] as [(EntryID?, StreamChain.Hole?)])
    func chainsAcrossEpochs(after: EntryID?, hole: StreamChain.Hole?) {
        var chain = Self.begun
        #expect(chain.append(Self.packet(2, 3, prev: after == nil ? 2 : 0, after: after)) == hole)
    }

    @Test("A gap marker stands outside the chain, and is the id that the next epoch names")
    func gapsStandOutside() {
        var chain = Self.begun
        #expect(chain.append(Self.gap(1, 8)) == nil)
        var next = chain
        #expect(next.append(Self.packet(1, 9, prev: 5)) == nil)
        next = chain
        #expect(next.append(Self.packet(1, 9, prev: 7)) == .sequences(6...7))
        next = chain
        #expect(next.append(Self.packet(2, 0, prev: nil, after: Self.id(1, 8))) == nil)
    }

    @Test("A gap marker as the first thing seen of an epoch shows that the epoch's marker is missing")
    func gapsInAnUnseenEpoch() {
        var chain = Self.begun
        #expect(chain.append(Self.gap(2, 4)) == .unknown)
        #expect(chain.append(Self.packet(2, 5, prev: 0)) == nil)
    }

    @Test("A cut at an entry tells whether something behind it is missing; a mere time does not")
    func cutsAreBounds() {
        var chain = StreamChain(cut: Self.id(1, 5))
        #expect(chain.append(Self.packet(1, 9, prev: 4)) == nil)
        chain = StreamChain(cut: Self.id(1, 5))
        #expect(chain.append(Self.packet(1, 9, prev: 7)) == .sequences(6...7))
        chain = StreamChain(cut: Self.id(1, 5))
        #expect(chain.append(Self.packet(2, 1, prev: 0, after: Self.id(1, 2))) == nil)
        chain = StreamChain(cut: Self.id(1, 5))
        #expect(chain.append(Self.packet(2, 1, prev: 0, after: Self.id(1, 6))) == .through(Self.id(1, 6)))
        chain = StreamChain(cut: EntryID(milliseconds: 500, epoch: 0, sequence: 0))
        #expect(chain.append(Self.packet(2, 4, prev: 3)) == nil)
        chain = StreamChain(cut: EntryID(milliseconds: 500, epoch: 0, sequence: 0))
        #expect(chain.append(Self.packet(2, 4, prev: 0, after: Self.id(1, 6))) == .through(Self.id(1, 6)))
    }

    @Test("Foreign entries break no chain")
    func foreignEntriesAreIgnored() {
        var chain = Self.begun
        let foreign = StreamEntry(id: Self.id(1, 6), previous: nil, after: nil, content: .foreign([]))
        #expect(chain.append(foreign) == nil)
        #expect(chain.append(Self.packet(1, 7, prev: 5)) == nil)
    }

    @Test("The estimate of what is missing follows the density of the stream")
    func estimatesFollowDensity() {
        var chain = Self.begun
        #expect(chain.estimate(of: 100) == 1)
        for sequence in [15, 25, 35] { _ = chain.append(Self.packet(1, sequence, prev: sequence - 10)) }
        #expect(chain.estimate(of: 100) == 10)
        #expect(chain.estimate(of: 1) == 1)
    }

    @Test("The ledger of gaps joins neighbours, forgets the oldest, and knows what it covers")
    func ledgerIsBounded() {
        var ledger = GapLedger()
        ledger.insert(3...5)
        ledger.insert(6...7)
        #expect(ledger.covers(3...7) && ledger.contains(6) && !ledger.contains(8) && !ledger.covers(2...4))
        for start in 1...GapLedger.capacity { ledger.insert(start * 10...start * 10) }
        #expect(!ledger.contains(3) && ledger.contains(10) && ledger.contains(GapLedger.capacity * 10))
    }
}
