import Cluster
import Foundation
import NIOCore
import TestSupport
import Testing

@testable import WebSocketClient

/// What a worker makes of exchanges and proxies that send what they should not: the reason that status tells, the close code the exchange gets to see,
/// the wait before the next attempt, and what it costs.
@Suite struct RoughExchangeTests {
    struct Row: Sendable {
        var name: String
        var manner: RoughExchange.Manner
        /// All of these are in the reason.
        var reason: [String]
        /// nil: no websocket was opened, or the exchange closed it.
        var closeCode: UInt16?
        /// Milliseconds until the next attempt, at the moment the reason is seen. On a loaded machine that is late.
        var wait: ClosedRange<Int64>
        /// Further settings of the exchange; `PORT` stands for the port.
        var settings = ["url: \"ws://127.0.0.1:PORT/stream\"", "connect_delay: 0s"]

        func isMet(by feed: ClusterStatus.Feed) -> Bool {
            feed.phase == "waiting" && wait.contains(feed.pendingMilliseconds)
                && reason.allSatisfy { feed.reason.localizedCaseInsensitiveContains($0) }
        }
    }

    /// The exchange lost a second websocket within the pace of 60 s: the reconnect waits for its end.
    static let cooling: ClosedRange<Int64> = 1...60_000
    /// What the drawn delay and the doubling make of a few attempts.
    static let backingOff: ClosedRange<Int64> = 0...60_000

    static let compressed = "Sec-WebSocket-Extensions: permessage-deflate\r\n"

    /// A message of 32 MiB of zeros, 32 KiB compressed.
    static let bomb: [UInt8] = {
        guard let deflater = try? Deflater(.raw, level: 9) else { return [] }
        var packed = ByteBuffer()
        [UInt8](repeating: 0, count: 32 << 20).withUnsafeBytes { deflater.deflateMessage($0, into: &packed) }
        let length = packed.readableBytes
        return [0xc2, 126, UInt8(length >> 8), UInt8(length & 0xff)] + packed.readableBytesView
    }()

    static let opened: [Row] = [
        Row(
            name: "a frame that announces 17 MiB", manner: .opens(bytes: [0x82, 127, 0, 0, 0, 0, 1, 0x10, 0, 0]),
            reason: ["1009 (message too big)", "16777216"], closeCode: 1009, wait: cooling),
        Row(
            name: "a message of fragments without end",
            manner: .opens(bytes: [0x02, 0], endless: [0x00, 127, 0, 0, 0, 0, 0, 0x10, 0, 0] + [UInt8](repeating: 0x61, count: 1 << 20)),
            reason: ["1009 (message too big)"], closeCode: 1009, wait: cooling),
        Row(
            name: "a bomb of 1000 to 1", manner: .opens(extra: compressed, bytes: bomb), reason: ["1009 (message too big)", "inflate"],
            closeCode: 1009, wait: cooling),
        Row(
            name: "text that is not UTF-8", manner: .opens(bytes: [0x81, 2, 0xc3, 0x28]), reason: ["1007 (invalid payload)", "UTF-8"],
            closeCode: 1007,
            wait: cooling),
        Row(
            name: "a reserved opcode", manner: .opens(bytes: [0x83, 0]), reason: ["1002 (protocol error)", "opcode 3"], closeCode: 1002,
            wait: cooling),
        Row(
            name: "a masked frame", manner: .opens(bytes: [0x81, 0x80, 1, 2, 3, 4]), reason: ["1002 (protocol error)", "masked"],
            closeCode: 1002,
            wait: cooling),
        Row(
            name: "compressed bytes that are none", manner: .opens(extra: compressed, bytes: [0xc1, 3, 0xff, 0xff, 0xff]),
            reason: ["1007 (invalid payload)", "not valid compressed data"], closeCode: 1007, wait: cooling),
        Row(
            name: "an empty message", manner: .opens(bytes: [0x81, 0]), reason: ["malformed message"], closeCode: 1000, wait: 1...3000,
            settings: softly),
        Row(
            name: "a message that is not JSON", manner: .opens(bytes: [0x81, 9] + Array(#"{"type":?"#.utf8)),
            reason: ["malformed message"],
            closeCode: 1000, wait: 1...3000, settings: softly),
        Row(
            name: "a close frame for maintenance", manner: .opens(bytes: [0x88, 6, 0x03, 0xf4] + Array("back".utf8)),
            reason: ["closed by the peer: 1012 (service restart): back"], closeCode: 1012, wait: cooling),
        Row(
            name: "an end without a close frame", manner: .hangsUp([0x81, 5, 0x7b]), reason: ["without a close frame"], wait: cooling),
    ]

    static let refused: [Row] = [
        Row(
            name: "a redirect",
            manner: .answers("HTTP/1.1 302 Found\r\nLocation: wss://elsewhere.test/ws?key=secret\r\nContent-Length: 0\r\n\r\n"),
            reason: ["302", "points to wss://elsewhere.test/ws"], wait: backingOff, settings: patiently),
        Row(
            name: "429 with Retry-After 30", manner: .answers("HTTP/1.1 429 Too Many\r\nRetry-After: 30\r\nContent-Length: 4\r\n\r\nslow"),
            reason: ["429", "retry after 30 s", "slow"], wait: 1...30_000),
        Row(
            name: "503 with a date to come back",
            manner: .answers(
                "HTTP/1.1 503 Down\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:51:07 GMT\r\nContent-Length: 0\r\n\r\n"
            ),
            reason: ["503", "retry after 90 s"], wait: 30_000...90_000),
        Row(
            name: "an answer that is no HTTP", manner: .answers("220 mail.example.test ready\r\n"), reason: ["not an HTTP/1.1 response"],
            wait: backingOff, settings: patiently),
        Row(
            name: "a 101 for somebody else's key",
            manner: .answers(
                "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
            reason: ["Sec-WebSocket-Accept"], wait: backingOff, settings: patiently),
        Row(
            name: "a server that is silent", manner: .answers(""), reason: ["longer than", "websocket upgrade"], wait: backingOff,
            settings: patiently + ["connect_timeout: 1s"]),
        Row(
            name: "a head without end", manner: .answers("HTTP/1.1 200 OK\r\nX: " + String(repeating: "y", count: 70_000)),
            reason: ["65536"],
            wait: backingOff, settings: patiently),
        Row(
            name: "a proxy that refuses", manner: .answers("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
            reason: ["proxy 127.0.0.1", "refused the tunnel: 403"], wait: backingOff, settings: viaProxy),
        Row(
            name: "a proxy that wants another login", manner: .answers("HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\n\r\n"),
            reason: ["407", "NTLM", "Basic"], wait: backingOff, settings: viaProxy),
        Row(
            name: "a proxy that lies", manner: .answers("HTTP/1.1 200 OK\r\n\r\n<html>welcome</html>"),
            reason: ["proxy", "bytes into the tunnel"],
            wait: backingOff, settings: viaProxy),
        Row(
            name: "a proxy that drips", manner: .answers("HTTP/1.1 2"), reason: ["longer than", "proxy"], wait: backingOff,
            settings: viaProxy + ["connect_timeout: 1s"]),
        Row(
            name: "a proxy that is no SOCKS proxy", manner: .answers(""), reason: ["longer than", "proxy"], wait: backingOff,
            settings: [viaProxy[0], "proxy: \"socks5://127.0.0.1:PORT\"", viaProxy[2], "connect_timeout: 1s"]),
    ]

    /// A bad message ends the websocket only where the pace admits it, and after a drawn delay.
    static let softly = ["url: \"ws://127.0.0.1:PORT/stream\"", "pace: 0s", "connect_delay: 3s...3s"]
    /// A refused attempt is made again after a drawn delay, long enough to be seen.
    static let patiently = ["url: \"ws://127.0.0.1:PORT/stream\"", "connect_delay: 2s...2s"]
    static let viaProxy = ["url: \"wss://exchange.test/stream\"", "proxy: \"http://127.0.0.1:PORT\"", "connect_delay: 2s...2s"]

    /// The definition of an exchange that sends JSON, at a server of its own.
    private func section(_ index: Int, _ row: Row, port: Int) -> ExchangeSection {
        let definition = [
            #"subscribe: '{"op":"sub","topic":"{channel}.{symbol}"}'"#, "channel_at: topic", "symbol_at: symbol", "deflate: true",
            "topics: [ \"trades BTC-USD\" ]",
        ]
        return ExchangeSection(exchange: "rough\(index)", settings: definition + row.settings.map { $0.replacing("PORT", with: "\(port)") })
    }

    @Test("Each ends in a reason, a close code and a wait, and all together cost little", .timeLimit(.minutes(5)))
    func ends() async throws {
        let rows = Self.opened + Self.refused
        var exchanges: [RoughExchange] = []
        defer { for exchange in exchanges { exchange.stop() } }
        for row in rows { exchanges.append(try await RoughExchange.start(row.manner)) }
        let servers = exchanges
        let sections = rows.indices.map { section($0, rows[$0], port: servers[$0].port) }
        try await withSingleWorker(sections) { worker, client in
            var missing = Set(rows.indices)
            var last: [String: ClusterStatus.Feed] = [:]
            do {
                try await eventually("every feed had its reason and its wait", within: .seconds(180)) {
                    for feed in try await client.status().feeds { last[feed.feed] = feed }
                    for index in missing {
                        guard let feed = last["rough\(index)"], rows[index].isMet(by: feed) else { continue }
                        #expect(!feed.reason.contains("secret"), "\(rows[index].name)")
                        missing.remove(index)
                    }
                    return missing.isEmpty ? true : nil
                }
            } catch {
                for index in missing { Issue.record("\(rows[index].name): \(String(describing: last["rough\(index)"]))") }
                throw error
            }
            for (row, exchange) in zip(rows, servers) {
                guard let code = row.closeCode else { continue }
                try await eventually("\(row.name): the exchange saw close code \(code), of \(exchange.closeCodes)") {
                    exchange.closeCodes.contains(code) ? true : nil
                }
                #expect(Set(exchange.closeCodes) == [code], "\(row.name)")
            }
            let peak = try peakKilobytes(of: worker.pid)
            #expect(peak < 300 << 10, "the worker took \(peak) KiB at its peak")
        }
    }

    /// The most memory a process ever had.
    private func peakKilobytes(of pid: Int32) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(Int(line.filter(\.isNumber)))
    }
}
