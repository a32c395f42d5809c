import Coordination
import NIOCore

/// A worker of a history: what it believes, and the packets it has received.
struct HistoryWorker {
    enum State: Equatable { case idle, waiting, connecting, live }

    struct Packet {
        var stream: Int
        var milliseconds: Int64
        var previous: Int
        var payload: String
        var isLost = false
    }

    let name: String
    var incarnation: Incarnation
    /// Kept in the state directory: it survives a crash.
    var floor = 0
    var floorMilliseconds: Int64 = 0
    var state = State.idle
    var token: Token
    /// The packets of the last websocket, from sequence 1; kept after its end.
    var packets: [Packet] = []
    /// First sequence not known to be stored.
    var next = 1
    var lastMilliseconds: Int64 = 0
    private var previous: [Int: Int] = [:]

    init(name: String, random: UInt64) {
        self.name = name
        incarnation = Incarnation(name: name, random: random)
        token = Token(incarnation: incarnation, epoch: 0)
    }

    mutating func crash(random: UInt64) {
        let (floor, floorMilliseconds) = (floor, floorMilliseconds)
        self = HistoryWorker(name: name, random: random)
        (self.floor, self.floorMilliseconds) = (floor, floorMilliseconds)
    }

    mutating func saw(epoch: Int) { floor = max(floor, epoch) }

    mutating func hold(epoch: Int) {
        saw(epoch: epoch)
        token = Token(incarnation: incarnation, epoch: epoch)
    }

    /// A websocket opened under this epoch; `kept` packets of the one before are numbered anew.
    mutating func open(epoch: Int, markerMilliseconds: Int64, keeping kept: [Packet] = [], truth: inout HistoryTruth) {
        hold(epoch: epoch)
        (state, packets, previous, next, lastMilliseconds) = (.live, [], [:], 1, markerMilliseconds)
        for packet in kept { receive(packet.payload, on: packet.stream, at: packet.milliseconds, truth: &truth) }
    }

    mutating func receive(_ payload: String, on stream: Int, at milliseconds: Int64, truth: inout HistoryTruth) {
        lastMilliseconds = max(lastMilliseconds, milliseconds)
        let sequence = packets.count + 1
        packets.append(
            Packet(stream: stream, milliseconds: lastMilliseconds, previous: previous[stream] ?? 0, payload: payload))
        truth.receipts[StreamID(id(sequence)).sequence] = Receipt(
            payload: payload, receiver: incarnation, stream: stream, previous: previous[stream] ?? 0)
        previous[stream] = sequence
    }

    func id(_ sequence: Int) -> EntryID {
        EntryID(
            milliseconds: packets.indices.contains(sequence - 1) ? packets[sequence - 1].milliseconds : lastMilliseconds,
            epoch: token.epoch, sequence: sequence)
    }

    /// The batch of these sequences; control stream and data streams as the packets name them.
    func publication(_ range: ClosedRange<Int>, feed: FeedKeys, keys: [String]) -> PublishCall {
        var used: [Int] = []
        var packets: [PublishCall.Packet] = []
        for sequence in range {
            let packet = self.packets[sequence - 1]
            var number = 0
            if packet.stream > 0 {
                if let known = used.firstIndex(of: packet.stream) {
                    number = known + 1
                } else {
                    used.append(packet.stream)
                    number = used.count
                }
            }
            packets.append(
                PublishCall.Packet(
                    stream: number, id: id(sequence), timeNanoseconds: packet.milliseconds * 1_000_000, previous: packet.previous,
                    data: ByteBuffer(string: packet.payload)))
        }
        return PublishCall(
            feed: feed, token: token, first: range.lowerBound, controlMaximumLength: 100_000,
            streams: used.map { .init(key: keys[$0], maximumLength: 100_000) }, packets: packets)
    }
}
