// Follows data streams of a feed: follow URL FEED START CHANNEL:SYMBOL...   (START: an id, or milliseconds; needs the ColonyStreams library)
import ColonyStreams
import Coordination
import RedisClient

@main
struct Follow {
    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let patterns = arguments.dropFirst(3).map { topic in
            let parts = topic.split(separator: ":", maxSplits: 1)
            return Subscription.Pattern(channel: String(parts[0]), symbol: String(parts[1]))
        }
        let consumer = try ColonyConsumer(
            .init(
                server: ReaderServer(try RedisEndpoint(url: arguments[0])),
                subscriptions: [Subscription(feed: FeedName(arguments[1]), patterns: patterns)],
                start: .id(arguments[2])
            )
        )
        for try await event in consumer {
            switch event {
            case .packet(let packet) where packet.whole: print(packet.topic?.description ?? "", packet.id, packet.text)
            case .packet(let packet): print(packet.topic?.description ?? "", packet.id, "books are stale:", packet.text)
            case .producerChanged, .rollback: print("start afresh:", event.jsonLine)
            case .gap, .trimmed, .foreign: print(event.jsonLine)
            }
        }
    }
}
