import Coordination
import Foundation
import Glibc
import NIOCore
import RedisClient
import Simulator
import TestSupport

/// Everything the streams of one feed hold, oldest first.
struct FeedDump: Sendable, Equatable {
    struct Packet: Sendable, Equatable {
        var id: EntryID
        var stream: String
        /// Sequence of the entry before in the stream and epoch; 0: none.
        var previous: Int
        /// FNV-1a of the payload.
        var hash: String
        /// On the feed's control stream: acknowledgements, heartbeats, status messages.
        var isControl: Bool
        var payload: [UInt8] = []

        /// An answer to a request: on the control stream, or the book that Huobi sends when asked, which opens its data stream.
        var isAnswer: Bool { isControl || String(decoding: payload, as: UTF8.self).contains(#""rep":"market."#) }
    }

    struct Mark: Sendable, Equatable {
        var id: EntryID
        var stream: String
        var kind: String
        var fields: [String: String]
    }

    var exchange: String
    var packets: [Packet] = []
    var marks: [Mark] = []

    /// Starts a server on the data of an ended one and reads the feeds of `exchanges`.
    static func read(directory: String, exchanges: [String]) async throws -> [FeedDump] {
        let socket = try OrphanGuard.shared.makeDirectory("dump") + "/redis.sock"
        let executable = ProcessInfo.processInfo.environment["COLONY_TEST_REDIS_SERVER"] ?? "redis-server"
        let server = try await ChildProcess.spawn(
            executable,
            ["--port", "0", "--unixsocket", socket, "--dir", directory, "--appendonly", "yes", "--save", "", "--daemonize", "no"])
        defer { server.signal(SIGKILL) }
        try await server.output.waitFor("eady to accept connections", timeout: .seconds(60))
        let endpoint = RedisEndpoint(address: .unix(path: socket))
        let connection = try await RedisConnection.connect(to: endpoint, on: Loops.next(), timeout: .seconds(10))
        defer { connection.close() }
        var feeds: [FeedDump] = []
        for exchange in exchanges { feeds.append(try await read(exchange, connection)) }
        server.signal(SIGKILL)
        _ = try await server.waitForExit()
        return feeds
    }

    /// Reads one feed of a running server.
    static func read(_ exchange: String, _ connection: RedisConnection, keys: Keys = Keys()) async throws -> FeedDump {
        let feed = keys.feed(FeedName(exchange), group: exchange)
        var dump = FeedDump(exchange: exchange)
        let data = try await connection.send(["HKEYS", .string(feed.streams)]).array ?? []
        try await dump.append(stream: feed.control, isControl: true, connection)
        for stream in data.compactMap(\.string) where stream != feed.control {
            try await dump.append(stream: stream, isControl: false, connection)
        }
        dump.packets.sort { $0.id < $1.id }
        return dump
    }

    private mutating func append(stream: String, isControl: Bool, _ connection: RedisConnection) async throws {
        var start = "-"
        while true {
            let page =
                try await connection.send(
                    ["XRANGE", .string(stream), .string(start), "+", "COUNT", "2000"], timeout: .seconds(30)
                ).array ?? []
            for entry in page { try append(entry, stream, isControl) }
            guard page.count == 2000, let last = page.last?.array?.first?.string else { return }
            start = "(\(last)"
        }
    }

    private mutating func append(_ entry: RedisValue, _ stream: String, _ isControl: Bool) throws {
        guard let pair = entry.array, pair.count == 2, let id = pair[0].string.flatMap({ EntryID($0) }), let flat = pair[1].array else {
            throw TestFailure("an entry of \(stream) is not readable: \(entry)")
        }
        var fields: [String: String] = [:]
        var payload: [UInt8] = []
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            guard let name = flat[index].string else { continue }
            if name == "data", case .bytes(let buffer) = flat[index + 1] {
                payload = Array(buffer.readableBytesView)
            } else {
                fields[name] = flat[index + 1].string
            }
        }
        if let kind = fields["marker"] {
            marks.append(Mark(id: id, stream: stream, kind: kind, fields: fields))
        } else {
            let hash = FNV1a.text(FNV1a.hash(payload))
            packets.append(
                Packet(
                    id: id, stream: stream, previous: fields["prev"].flatMap { Int($0) } ?? -1, hash: hash, isControl: isControl,
                    payload: payload))
        }
    }
}
