package import Coordination
package import Logging
import NIOCore
import RedisClient

/// Keeps the retention of a feed's streams, those that only an earlier worker met included: reads the registry and calls `trim` on all of it.
///
/// Bound to its event loop; the holder of the feed calls `trim`, every ten seconds and when the server's memory is nearly full.
package final class RetentionKeeper {
    package struct Rules: Sendable {
        /// Entries older than this go; zero: none do.
        package var maxAge: Duration
        /// Empty streams without an entry for so long are forgotten; zero: none are.
        package var forget: Duration

        package init(maxAge: Duration, forget: Duration) {
            self.maxAge = maxAge
            self.forget = forget
        }
    }

    private let keys: FeedKeys
    private let rules: Rules
    private let publisher: Publisher
    private let link: RedisLink
    private let logger: Logger
    private var isBusy = false
    /// No round is under way.
    package var isIdle: Bool { !isBusy }
    /// Groups that were warned about, until they have caught up.
    private var late: Set<TrimReply.LateGroup> = []
    private var lateInThisRound: Set<TrimReply.LateGroup> = []
    private var waiting = 0

    package init(keys: FeedKeys, rules: Rules, publisher: Publisher, link: RedisLink, logger: Logger) {
        self.keys = keys
        self.rules = rules
        self.publisher = publisher
        self.link = link
        self.logger = logger
    }

    /// One round over all streams; nothing while the one before is under way. `redisMilliseconds`: the time on Redis' clock.
    package func trim(redisMilliseconds now: Int64) {
        guard !isBusy else { return }
        isBusy = link.write(["HGETALL", .string(keys.streams)], timeout: .seconds(5)) { [self] result in
            switch result {
            case .success(let reply):
                // Stream and epoch in turn.
                let values = reply.array ?? []
                trim(stride(from: 0, to: values.count, by: 2).compactMap { values[$0].string }, now)
            case .failure(let error): failed(error)
            }
        }
        link.flush()
    }

    private func trim(_ registered: [String], _ now: Int64) {
        let minimum = rules.maxAge > .zero ? now - rules.maxAge.wholeMilliseconds : 0
        let forget = rules.forget > .zero ? max(0, now - rules.forget.wholeMilliseconds) : 0
        // A stream that has an entry in this epoch would not be registered again before the next one.
        let open = [keys.control] + registered.filter { publisher.table.isOpen($0) }
        let idle = registered.filter { !publisher.table.isOpen($0) }
        lateInThisRound = []
        waiting = 1
        for (streams, forget) in [(open, Int64(0)), (idle, forget)] {
            for start in stride(from: 0, to: streams.count, by: TrimCall.maximumStreams) {
                call(Array(streams[start..<min(start + TrimCall.maximumStreams, streams.count)]), minimum, forget)
            }
        }
        link.flush()
        finished()
    }

    private func call(_ streams: [String], _ minimum: Int64, _ forget: Int64) {
        let call = TrimCall(
            feed: keys, streams: streams, minimumMilliseconds: minimum, forgetMilliseconds: forget,
            maximumLengths: streams.map { publisher.table.maxlen(ofKey: $0) })
        waiting += 1
        let written = link.write(call.arguments(), timeout: .seconds(5)) { [self] result in
            do {
                let reply = try TrimCall.decode(try result.get())
                lateInThisRound.formUnion(reply.lateGroups)
                if reply.forgottenStreams > 0 { logger.info("Streams forgotten", metadata: ["streams": "\(reply.forgottenStreams)"]) }
            } catch {
                // The next round does the same again.
                logger.debug("Streams could not be trimmed", error: error)
            }
            finished()
        }
        if !written { finished() }
    }

    private func failed(_ error: any Error) {
        logger.debug("Streams' registry could not be read", error: error)
        isBusy = false
    }

    private func finished() {
        waiting -= 1
        guard waiting == 0 else { return }
        isBusy = false
        for group in lateInThisRound.subtracting(late).sorted(by: { ($0.stream, $0.group) < ($1.stream, $1.group) }) {
            logger.warning(
                "A consumer group is slower than the retention: it has lost entries",
                metadata: ["stream": "\(group.stream)", "group": "\(group.group)"])
        }
        late = lateInThisRound
    }
}
