import NIOCore
import Testing

@testable import WebSocketClient

@Suite struct HTTPBodyTests {
    private static func body(_ fields: String, _ text: String, status: Int = 200, limit: Int = 1000, piece: Int = .max) throws -> HTTPBody {
        var reader = HTTPHeadReader()
        let head = try #require(try Array("HTTP/1.1 \(status) X\r\n\(fields)\r\n".utf8).withUnsafeBytes { try reader.take($0) }.head)
        var body = try HTTPBody(head, limit: limit)
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, piece == .max ? bytes.count : start + piece)
            try Array(bytes[start..<end]).withUnsafeBytes { try body.take($0) }
            start = end
        }
        return body
    }

    private static func text(_ body: HTTPBody) -> String { String(decoding: body.bytes, as: UTF8.self) }

    private static let chunked = "Transfer-Encoding: chunked\r\n"

    @Test("Chunks are put together, whole and byte by byte, with extensions and trailers", arguments: [Int.max, 1, 2, 5])
    func readsChunks(piece: Int) throws {
        let body = try Self.body(Self.chunked, "4\r\nWiki\r\n6;x=\"y\"\r\npedia \r\n0\r\nA: b\r\n\r\nmore", piece: piece)
        #expect(Self.text(body) == "Wikipedia " && body.isComplete && !body.isCut)
        let within = try Self.body(Self.chunked, "5\r\n0\r\n\r\n", piece: piece)
        #expect(!within.isComplete && Self.text(within) == "0\r\n\r\n", "what looks like the end inside a chunk is not")
        #expect(try Self.body(Self.chunked, "0000a\r\n0123456789\r\n000\r\n\r\n", piece: piece).isComplete)
        #expect(try Self.body(Self.chunked, "A\r\nhalf", piece: piece).bytes == Array("half".utf8), "as far as it came")
    }

    @Test(
        "Framing of chunks that is none is refused",
        arguments: [
            "zz\r\n", "\r\n", " 4\r\n", "-4\r\n", "0x4\r\n", "fffffffffffffffff\r\n", "4 5\r\n\r\nabcd", "4\r\nabcde\r\n",
            "1;" + String(repeating: "x", count: 5000), "0\r\n" + String(repeating: "A: b\r\n", count: 1000), "\n",
        ]
    )
    func refusesBadChunks(text: String) {
        // "4 5" has a blank behind its size, which is let pass; its data do not fit.
        #expect(throws: HTTPHeadError.self) { try Self.body(Self.chunked, text) }
    }

    @Test("A length is kept to: bytes behind it are not taken, and a body may be empty")
    func readsLengths() throws {
        let body = try Self.body("Content-Length: 5\r\nContent-Length: 5\r\n", "hello!!", piece: 2)
        #expect(Self.text(body) == "hello" && body.isComplete)
        #expect(try Self.body("Content-Length: 0\r\n", "x").isComplete)
        #expect(try !Self.body("Content-Length: 6\r\n", "hello").isComplete)
        #expect(try Self.body("", "x", status: 204).isComplete)
    }

    @Test(
        "Framing that cannot be understood is refused",
        arguments: [
            "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5, 6\r\n", "Content-Length: -1\r\n", "Content-Length: +1\r\n",
            "Content-Length: 99999999999999999999\r\n", "Content-Length: 1e3\r\n", "Transfer-Encoding: gzip\r\n",
            "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ])
    func refusesBadFraming(fields: String) {
        #expect(throws: HTTPHeadError.self) { try Self.body(fields, "") }
    }

    @Test("Without either the body ends with the connection; nothing is kept beyond the limit")
    func readsToTheEnd() throws {
        let body = try Self.body("", String(repeating: "x", count: 1001), piece: 100)
        #expect(!body.isComplete && body.endsWithConnection && body.isCut && body.bytes.count == 1000)
        #expect(try !Self.body("", String(repeating: "x", count: 1000)).isCut)
        #expect(try Self.body(Self.chunked, "7d0\r\n" + String(repeating: "x", count: 1500)).isCut)
    }
}
