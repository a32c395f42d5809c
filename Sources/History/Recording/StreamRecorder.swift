package import Coordination
internal import Ingest
package import Logging
package import NIOCore
internal import NIOPosix
package import RedisClient

/// Records everything the streams of a cluster hold, as a reader sees it: read while the cluster runs, so that retention takes nothing away
/// unseen, and once more behind its end.
///
/// The feeds are those of the catalogue; new ones are found while following. Files: `RecordingDirectory`. It reads only, on a connection of its
/// own; while Redis is away it waits for its return and goes on where it was.
package actor StreamRecorder {
    package struct Counts: Sendable, Hashable {
        package var feeds = 0
        package var entries = 0
        package var events = 0
    }

    private struct Feed {
        var keys: FeedKeys
        var reader: FeedReader
        var file: LineFile
    }

    private struct Events {
        var key: String
        var cursor = "0-0"
        var file: LineFile
    }

    private let endpoint: RedisEndpoint
    private let keys: Keys
    private let directory: RecordingDirectory
    private let followsStreams: Bool
    private let eventLoop: any EventLoop
    private nonisolated let logger: Logger
    private var connection: RedisConnection?
    private var feeds: [FeedName: Feed] = [:]
    private var events: [String: Events] = [:]
    private var clock: LineFile?
    private var clockReadAt: Int64 = 0
    package private(set) var counts = Counts()

    /// `followsStreams` false: only Redis' clock is followed, and the streams are read at the end, as they are then. For runs in which servers take
    /// to their grave what readers saw of them; nothing may be trimmed meanwhile.
    package init(
        endpoint: RedisEndpoint, keys: Keys, directory: RecordingDirectory, followsStreams: Bool = true,
        on group: (any EventLoopGroup)? = nil,
        logger: Logger = Logger(label: "colony.history")
    ) {
        self.endpoint = endpoint
        self.keys = keys
        self.directory = directory
        self.followsStreams = followsStreams
        self.eventLoop = (group ?? MultiThreadedEventLoopGroup.singleton).any()
        self.logger = logger
    }

    /// Records while `body` runs, then what is left: returns when all that is stored at that moment is in the files. An error of `body` is thrown
    /// behind a last attempt to record.
    package nonisolated func recording<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.follow() }
            let outcome: Swift.Result<Result, any Error>
            do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
            group.cancelAll()
            do { try await group.waitForAll() } catch is CancellationError {}
            // Awaited at once: it is bounded by the deadlines of its calls, and must run though the task may be cancelled.
            let last = Task { try await self.finish() }
            do { try await last.value } catch {
                guard case .failure = outcome else { throw error }
                logger.warning("The recording is not complete", error: error)
            }
            return try outcome.get()
        }
    }

    /// Reads round after round, a twentieth of a second apart when there is little, until cancelled.
    package func follow() async throws {
        while !Task.isCancelled {
            var isBehind = false
            do {
                if followsStreams { isBehind = try await round() >= 1_000 } else { try await readClock(try await connected()) }
            } catch let error as RedisError {
                connection?.close()
                connection = nil
                logger.debug("The recorder waits for Redis", error: error)
            }
            if !isBehind { do { try await Task.sleep(for: .milliseconds(50)) } catch { return } }
        }
    }

    /// Reads until nothing new is there, writes everything out and closes the connection. Not while `follow` runs.
    package func finish() async throws {
        while try await round() > 0 {}
        for feed in feeds.values { try feed.file.flush() }
        for log in events.values { try log.file.flush() }
        try clock?.flush()
        connection?.close()
        connection = nil
    }

    // MARK: Rounds

    /// One read of everything; returns how many entries and events there were.
    private func round() async throws -> Int {
        let link = try await connected()
        try await readCatalogue(link)
        try await readClock(link)
        var count = 0
        for name in feeds.keys.sorted() { count += try await read(name, link) }
        for group in events.keys.sorted() { count += try await readEvents(group, link) }
        return count
    }

    private func connected() async throws -> RedisConnection {
        if let connection, connection.isOpen { return connection }
        let fresh = try await RedisConnection.connect(to: endpoint, name: "colony:recorder", on: eventLoop, timeout: .seconds(5))
        connection = fresh
        return fresh
    }

    private func readCatalogue(_ link: RedisConnection) async throws {
        let values = try await link.send(["HGETALL", .string(keys.catalogue)]).array ?? []
        for index in stride(from: 0, to: values.count - 1, by: 2) {
            guard let name = values[index].string.map({ FeedName($0) }), let json = values[index + 1].string, feeds[name] == nil else {
                continue
            }
            let entry = try CatalogueEntry(json: json, of: name)
            try directory.create()
            let feed = keys.feed(name, group: entry.budget)
            let file = try LineFile(directory.feed(name.text))
            try file.append(StreamRecord.header(feed: name, group: feed.group, control: feed.control))
            feeds[name] = Feed(keys: feed, reader: FeedReader(control: feed.control), file: file)
            counts.feeds += 1
            if events[feed.group] == nil { events[feed.group] = Events(key: feed.events, file: try LineFile(directory.events(feed.group))) }
        }
    }

    private func readClock(_ link: RedisConnection) async throws {
        let before = LocalTime.now().nanoseconds
        guard before - clockReadAt >= 250_000_000 else { return }
        clockReadAt = before
        guard let time = try await link.send(["TIME"]).array, time.count == 2, let seconds = time[0].integer, let micros = time[1].integer
        else { throw HistoryError(.redis, "TIME was not answered with two numbers by \(endpoint)") }
        let after = LocalTime.now().nanoseconds
        if clock == nil {
            try directory.create()
            clock = try LineFile(directory.clock)
        }
        var line = JSONLine()
        line.add("t", .text("clock"))
        line.add("boot", .number(before + (after - before) / 2))
        line.add("redis_us", .number(seconds * 1_000_000 + micros))
        try clock?.append(line.finished())
    }

    /// Registry and streams in one transaction: a stream that is opened in between would otherwise be told too late.
    private func read(_ name: FeedName, _ link: RedisConnection) async throws -> Int {
        var total = 0
        while var feed = feeds[name] {
            let answers = try await transaction([["HKEYS", .string(feed.keys.streams)], feed.reader.command], link)
            guard answers.count == 2 else { throw HistoryError(.redis, "\(endpoint) answered EXEC with \(answers.count) replies, not 2") }
            if feed.reader.learn((answers[0].array ?? []).compactMap(\.string)) {
                feeds[name] = feed
                continue
            }
            let entries = try feed.reader.take(answers[1])
            for entry in entries { try feed.file.append(try StreamRecord.line(of: entry.value, stream: entry.stream)) }
            feeds[name] = feed
            counts.entries += entries.count
            total += entries.count
            if entries.count < feed.reader.count { return total }
        }
        return total
    }

    /// The replies of commands that are executed together. Written in one go: nothing of this actor comes in between.
    private func transaction(_ commands: [[RedisArgument]], _ link: RedisConnection) async throws -> [RedisValue] {
        let reply: RedisValue = try await link.eventLoop.flatSubmit {
            let promise = link.eventLoop.makePromise(of: RedisValue.self)
            for command in [["MULTI"]] + commands + [["EXEC"]] {
                var bytes = ByteBuffer()
                RedisCommandEncoder.append(command, to: &bytes)
                // The replies before EXEC's only say that a command is queued; if one is an error, EXEC's is too.
                let isLast = if case .string("EXEC") = command[0] { true } else { false }
                link.write(bytes, timeout: .seconds(30)) { result in
                    guard isLast else { return }
                    switch result {
                    case .success(let value): promise.succeed(value)
                    case .failure(let error): promise.fail(error)
                    }
                }
            }
            link.flush()
            return promise.futureResult
        }.get()
        return reply.array ?? []
    }

    private func readEvents(_ group: String, _ link: RedisConnection) async throws -> Int {
        guard var log = events[group] else { return 0 }
        let reply = try await link.send(
            ["XREAD", "COUNT", "5000", "STREAMS", .string(log.key), .string(log.cursor)], timeout: .seconds(30))
        let entries = reply.array?.first?.array?.last?.array ?? []
        for entry in entries {
            let (id, line) = try StreamRecord.event(entry, group: group)
            try log.file.append(line)
            log.cursor = id
        }
        events[group] = log
        counts.events += entries.count
        return entries.count
    }
}
