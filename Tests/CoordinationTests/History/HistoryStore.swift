import Coordination
import RedisClient

/// What a history needs of a store: calls, faults, and a view of everything after each step.
protocol HistoryStore {
    /// Sets TIME for what follows, ms.
    func setClock(_ now: Int64) async throws
    /// The reply; an error reply is a value too.
    func call(_ command: [RedisArgument]) async throws -> RedisValue
    func view(lease: String, disconnects: String, streams: [String], after cursors: [StreamID]) async throws -> HistoryView
    /// Up to `count` entries per stream behind its cursor, all streams at one moment.
    func read(_ streams: [String], after cursors: [StreamID], count: Int) async throws -> [[StreamModel.Entry]]
    /// Writes an entry as somebody without the functions would; false when the stream refuses the id.
    func addForeign(_ id: StreamID, to stream: String) async throws -> Bool
    func delete(_ key: String) async throws
    /// Equal fingerprints: no hash, no stream's length or last id changed in between.
    func fingerprint() async throws -> String
    /// Remembers all keys; `restore` puts the remembered ones back.
    func save() async throws
    func restore() async throws
}

struct HistoryView {
    var record: [String: String]
    var disconnects: [String: String]
    /// Per stream: what is new behind its cursor.
    var entries: [[StreamModel.Entry]]
}

/// The model as a store.
final class ModelHistoryStore: HistoryStore {
    var model = FunctionModel()
    private var now: Int64 = 0
    private var saved = FunctionModel()

    func setClock(_ now: Int64) async throws { self.now = now }

    func call(_ command: [RedisArgument]) async throws -> RedisValue {
        do throws(RedisError) {
            return try model.run(command, now: now)
        } catch {
            guard let server = error.server else { throw error }
            return .error(server)
        }
    }

    func view(lease: String, disconnects: String, streams: [String], after cursors: [StreamID]) async throws -> HistoryView {
        HistoryView(
            record: model.hashes[lease] ?? [:], disconnects: model.hashes[disconnects] ?? [:],
            entries: try await read(streams, after: cursors, count: .max))
    }

    func read(_ streams: [String], after cursors: [StreamID], count: Int) async throws -> [[StreamModel.Entry]] {
        zip(streams, cursors).map { Array(model.streams[$0]?.read(after: $1, count: count) ?? []) }
    }

    func addForeign(_ id: StreamID, to stream: String) async throws -> Bool {
        model.streams[stream, default: StreamModel()].append(StreamModel.Entry(id: id, fields: [.init("foreign", "1")]))
    }

    func delete(_ key: String) async throws {
        model.streams[key] = nil
        model.hashes[key] = nil
    }

    func fingerprint() async throws -> String { "\(model.streams.hashValueOfContent) \(model.hashes.hashValue)" }
    func save() async throws { saved = model }
    func restore() async throws { model = saved }
}

extension [String: StreamModel] {
    fileprivate var hashValueOfContent: Int {
        var hasher = Hasher()
        for key in keys.sorted() {
            hasher.combine(key)
            hasher.combine(self[key]?.entries.count)
            hasher.combine(self[key]?.lastGeneratedID)
        }
        return hasher.finalize()
    }
}

/// A real Redis with the clock in a key.
final class RedisHistoryStore: HistoryStore {
    let connection: RedisConnection
    private var saved: [(key: RedisArgument, dump: RedisArgument)] = []
    private var clock: Int64 = -1

    init(_ connection: RedisConnection) { self.connection = connection }

    private func send(_ arguments: [RedisArgument]) async throws -> RedisValue {
        try await connection.send(arguments, timeout: .seconds(20))
    }

    func setClock(_ now: Int64) async throws {
        guard now != clock else { return }
        clock = now
        _ = try await send([
            "HSET", "test:clock", "seconds", .string("\(now / 1000)"), "microseconds", .string("\(now % 1000 * 1000)"),
        ])
    }

    func call(_ command: [RedisArgument]) async throws -> RedisValue {
        do throws(RedisError) {
            return try await connection.send(command, timeout: .seconds(20))
        } catch {
            guard let server = error.server else { throw error }
            return .error(server)
        }
    }

    private static let viewing: RedisArgument = """
        local out = { redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]) }
        for at = 3, #KEYS do out[at] = redis.call('XRANGE', KEYS[at], '(' .. ARGV[at - 2], '+') end
        return out
        """

    func view(lease: String, disconnects: String, streams: [String], after cursors: [StreamID]) async throws -> HistoryView {
        let keys = [lease, disconnects] + streams
        let command: [RedisArgument] = ["EVAL", Self.viewing, RedisArgument(keys.count)]
        let reply = try await send(command + keys.map { .string($0) } + cursors.map { .string($0.description) }).array ?? []
        return HistoryView(
            record: Self.hash(reply[0]), disconnects: Self.hash(reply[1]), entries: reply.dropFirst(2).map { Self.entries($0) })
    }

    func read(_ streams: [String], after cursors: [StreamID], count: Int) async throws -> [[StreamModel.Entry]] {
        let command: [RedisArgument] = ["XREAD", "COUNT", RedisArgument(count), "STREAMS"]
        let reply = try await send(command + streams.map { .string($0) } + cursors.map { .string($0.description) })
        var found: [String: [StreamModel.Entry]] = [:]
        for row in reply.array ?? [] {
            if let pair = row.array, let name = pair[0].string { found[name] = Self.entries(pair[1]) }
        }
        return streams.map { found[$0] ?? [] }
    }

    func addForeign(_ id: StreamID, to stream: String) async throws -> Bool {
        let reply = try await call(["XADD", .string(stream), .string(id.description), "foreign", "1"])
        if case .error = reply { return false }
        return true
    }

    func delete(_ key: String) async throws { _ = try await send(["DEL", .string(key)]) }
    private static let fingerprinting: RedisArgument = """
        local out = {}
        for _, key in ipairs(redis.call('KEYS', 'test:{*')) do
            if redis.call('TYPE', key).ok == 'hash' then
                local fields = redis.call('HGETALL', key)
                for at = 1, #fields, 2 do out[#out + 1] = key .. fields[at] .. '=' .. fields[at + 1] end
            else
                local info = redis.call('XINFO', 'STREAM', key)
                out[#out + 1] = key .. info[2]
                for at = 1, #info, 2 do
                    if info[at] == 'last-generated-id' then out[#out + 1] = key .. info[at + 1] end
                end
            end
        end
        table.sort(out)
        return redis.sha1hex(table.concat(out, ' '))
        """

    func fingerprint() async throws -> String { try await send(["EVAL", Self.fingerprinting, "0"]).string ?? "?" }

    func save() async throws {
        saved = []
        for key in try await send(["KEYS", "*"]).array ?? [] {
            guard let name = key.string, name != "test:clock", case .bytes(let dump) = try await send(["DUMP", .string(name)]) else {
                continue
            }
            saved.append((.string(name), .bytes(dump)))
        }
    }

    func restore() async throws {
        _ = try await send(["FLUSHALL"])
        clock = -1
        for (key, dump) in saved { _ = try await send(["RESTORE", key, "0", dump]) }
    }

    func reset() async throws {
        saved = []
        try await restore()
    }

    static func hash(_ reply: RedisValue) -> [String: String] {
        let values = reply.array ?? []
        var fields: [String: String] = [:]
        for at in stride(from: 0, to: values.count, by: 2) { fields[values[at].string ?? "?"] = values[at + 1].string ?? "?" }
        return fields
    }

    static func entries(_ reply: RedisValue) -> [StreamModel.Entry] {
        (reply.array ?? []).map { row in
            let values = row.array?[1].array ?? []
            return StreamModel.Entry(
                id: StreamID(row.array?[0].string ?? "") ?? .zero,
                fields: stride(from: 0, to: values.count, by: 2).map { .init(values[$0].string ?? "?", values[$0 + 1].string ?? "?") })
        }
    }
}
