internal import Coordination
internal import RedisClient

extension ServerLink {
    /// The fields of a hash; empty if it does not exist.
    func hash(_ key: String) async throws -> [String: String] {
        try await send(["HGETALL", .string(key)]).fields(of: "HGETALL")
    }

    /// last-generated-id of each stream, nil for one that does not exist.
    func lastGenerated(_ keys: [String]) async throws -> [String: EntryID?] {
        let answers = try await sendAll(keys.map { ["XINFO", "STREAM", .string($0)] })
        var last: [String: EntryID?] = [:]
        for (key, answer) in zip(keys, answers) {
            switch answer {
            case .success(let reply): last[key] = .some(try StreamReply.lastGeneratedID(reply))
            case .failure(let error):
                guard error.isMissingKey else { throw error }
                last[key] = .some(nil)
            }
        }
        return last
    }

    /// Where a reader begins in a feed.
    func cut(_ start: StartPoint, in keys: FeedKeys) async throws -> EntryID {
        if let given = try start.cut(of: keys.feed, wallClockMilliseconds: WallClock.milliseconds()) { return given }
        return try await newest(keys)
    }

    /// The cut behind all that is published. The lease record knows it; without one the streams do.
    private func newest(_ keys: FeedKeys) async throws -> EntryID {
        if let cut = FeedLiveness(feed: keys.feed, record: try await hash(keys.lease))?.cut { return cut }
        let registered = try await hash(keys.streams).keys
        return try await lastGenerated([keys.control] + registered).values.compactMap { $0 }.max()
            ?? EntryID(milliseconds: 0, epoch: 0, sequence: 0)
    }
}

extension RedisError {
    /// XINFO and XGROUP CREATE answer an error if the stream does not exist.
    var isMissingKey: Bool {
        guard code == .other, let text = server?.text else { return false }
        return text.hasPrefix("ERR no such key") || text.hasPrefix("ERR The XGROUP subcommand requires the key to exist")
    }
}
