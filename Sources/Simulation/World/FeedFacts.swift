import ColonyExchanges
import Coordination

/// A feed of a simulation with its keys at hand.
struct FeedFacts {
    let index: Int
    let name: FeedName
    let keys: FeedKeys
    let lease: String
    let control: String
    let disconnects: String
    /// Data topics; the stream of topic i is number i + 1, the control stream is 0.
    let topics: [Topic]
    let streams: [String]
    let groupIndex: Int

    init(index: Int, name: String, group: String, groupIndex: Int, symbols: Int) {
        self.index = index
        self.name = FeedName(name)
        self.keys = Keys().feed(self.name, group: group)
        lease = keys.lease
        control = keys.control
        disconnects = keys.disconnects
        topics = (1...max(1, symbols)).map { Topic(channel: "trades", symbol: "s\($0)") }
        streams = [control] + topics.map { [keys] in keys.data(channel: $0.channel, symbol: $0.symbol) }
        self.groupIndex = groupIndex
    }
}
