package import Coordination
import DequeModule
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

    /// One pass over all streams, a page of the registry at a time: there may be thousands.
    private struct Round {
        /// On Redis' clock.
        var now: Int64
        /// The share of its entries that each stream keeps; 1: as many as its retention allows.
        var share: Double
        /// Where the registry's next page begins; "0" behind the last.
        var cursor = "0"
        /// Of the page that was read last.
        var calls: Deque<(streams: [String], forget: Int64)> = []
        var late: Set<TrimReply.LateGroup> = []
    }

    private let keys: FeedKeys
    private let rules: Rules
    private let publisher: Publisher
    private let link: RedisLink
    private let logger: Logger
    private var round: Round?
    /// No round is under way.
    package var isIdle: Bool { round == nil }
    /// Groups that were warned about, until they have caught up.
    private var late: Set<TrimReply.LateGroup> = []

    package init(keys: FeedKeys, rules: Rules, publisher: Publisher, link: RedisLink, logger: Logger) {
        self.keys = keys
        self.rules = rules
        self.publisher = publisher
        self.link = link
        self.logger = logger
    }

    /// One round over all streams; nothing while the one before is under way. `redisMilliseconds`: the time on Redis' clock. With a `share` below 1
    /// each stream keeps no more than that of what it holds, whatever its retention.
    package func trim(redisMilliseconds now: Int64, share: Double = 1) {
        guard round == nil else { return }
        round = Round(now: now, share: share)
        round?.calls.append(([keys.control], 0))
        read(from: "0")
    }

    private func read(from cursor: String) {
        let page = "\(TrimCall.maximumStreams)"
        let written = link.write(["HSCAN", .string(keys.streams), .string(cursor), "COUNT", .string(page)], timeout: .seconds(5)) {
            [self] result in
            switch result {
            case .success(let reply):
                guard let parts = reply.array, parts.count == 2, let cursor = parts[0].string, let values = parts[1].array else {
                    return failed(RedisError(.protocolViolation, "HSCAN answered \(reply)"))
                }
                round?.cursor = cursor
                // Stream and epoch in turn.
                plan(stride(from: 0, to: values.count, by: 2).compactMap { values[$0].string })
                next()
            case .failure(let error): failed(error)
            }
        }
        if written { link.flush() } else { round = nil }
    }

    private func plan(_ registered: [String]) {
        let now = round?.now ?? 0
        let forget = rules.forget > .zero ? max(0, now - rules.forget.wholeMilliseconds) : 0
        // A stream that has an entry in this epoch would not be registered again before the next one.
        let isOpen = publisher.table.open(among: registered)
        let open = registered.filter { isOpen.contains($0) }
        let idle = registered.filter { !isOpen.contains($0) }
        for (streams, forget) in [(open, Int64(0)), (idle, forget)] {
            for start in stride(from: 0, to: streams.count, by: TrimCall.maximumStreams) {
                round?.calls.append((Array(streams[start..<min(start + TrimCall.maximumStreams, streams.count)]), forget))
            }
        }
    }

    private func next() {
        guard let share = round?.share else { return }
        guard let call = round?.calls.popFirst() else {
            guard let cursor = round?.cursor, cursor != "0" else { return finish() }
            return read(from: cursor)
        }
        let retentions = call.streams.map { publisher.table.maxlen(ofKey: $0) }
        guard share < 1 else { return trim(call.streams, to: retentions, forget: call.forget) }
        // In proportion to what there is: a retention may be far from filled.
        var lengths: [Int] = []
        var written = true
        for stream in call.streams where written {
            written = link.write(["XLEN", .string(stream)], timeout: .seconds(5)) { [self] result in
                guard round != nil else { return }
                switch result {
                case .success(let length):
                    lengths.append(Int(length.integer ?? 0))
                    guard lengths.count == retentions.count else { return }
                    let kept = zip(retentions, lengths).map { min($0, MemoryGovernor.keep(share, of: $1)) }
                    trim(call.streams, to: kept, forget: call.forget)
                case .failure(let error): failed(error)
                }
            }
        }
        if written { link.flush() } else { round = nil }
    }

    private func trim(_ streams: [String], to lengths: [Int], forget: Int64) {
        let minimum = rules.maxAge > .zero ? (round?.now ?? 0) - rules.maxAge.wholeMilliseconds : 0
        let call = TrimCall(
            feed: keys, streams: streams, minimumMilliseconds: minimum, forgetMilliseconds: forget, maximumLengths: lengths)
        let written = link.write(call.arguments(), timeout: .seconds(5)) { [self] result in
            do {
                let reply = try TrimCall.decode(try result.get())
                round?.late.formUnion(reply.lateGroups)
                if reply.forgottenStreams > 0 { logger.info("Streams forgotten", metadata: ["streams": "\(reply.forgottenStreams)"]) }
                next()
            } catch {
                failed(error)
            }
        }
        if written { link.flush() } else { round = nil }
    }

    /// The next round does the same again.
    private func failed(_ error: any Error) {
        let metadata: Logger.Metadata = ["feed": "\(keys.feed)"]
        if let code = (error as? RedisError)?.code, code == .connectionLost || code == .timeout {
            logger.debug("Streams could not be trimmed", error: error, metadata: metadata)
        } else {
            logger.warning("Streams could not be trimmed", error: error, metadata: metadata)
        }
        round = nil
    }

    private func finish() {
        guard let found = round?.late else { return }
        round = nil
        for group in found.subtracting(late).sorted(by: { ($0.stream, $0.group) < ($1.stream, $1.group) }) {
            logger.warning(
                "A consumer group is slower than the retention: it has lost entries",
                metadata: ["stream": "\(group.stream)", "group": "\(group.group)"])
        }
        late = found
    }
}
