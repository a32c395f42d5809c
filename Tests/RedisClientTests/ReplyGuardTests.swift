import NIOCore
import RedisClient
import Testing

@Suite
struct ReplyGuardTests {
    private func refuses(_ text: String, cut: Int = .max, lineBytes: Int = 100) -> Bool {
        var limits = ReplyGuard.Limits(bulkBytes: 50, elements: 10)
        limits.lineBytes = lineBytes
        var replyGuard = ReplyGuard(limits: limits)
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let part = rest.prefix(cut)
            rest = rest.dropFirst(part.count)
            do {
                try part.withUnsafeBytes { try replyGuard.inspect($0) }
            } catch {
                return true
            }
        }
        return false
    }

    private static let long = String(repeating: "x", count: 51)
    private static let nested = String(repeating: "*1\r\n", count: 7)

    @Test(arguments: [1, 2, 3, 7, Int.max])
    func `limits hold however the bytes are cut, and what is at a limit passes`(cut: Int) {
        let passing = [
            "+OK\r\n:1\r\n-ERR x\r\n", "$50\r\n\(Self.long.dropLast())\r\n+OK\r\n",
            "*10\r\n" + String(repeating: ":1\r\n", count: 10) + "*10\r\n",
            Self.nested + ":1\r\n" + Self.nested + "$-1\r\n", "*2\r\n*0\r\n*-1\r\n" + Self.nested,
            "$2\r\n\r\n\r\n*0\r\n*3\r\n*2\r\n:1\r\n:2\r\n$0\r\n\r\n+x\r\n",
            // Bytes of a bulk string are no replies, whatever they look like.
            "$11\r\n*999999999\r\r\n:1\r\n", "+" + String(repeating: "y", count: 98) + "\r\n",
        ]
        for text in passing { #expect(!refuses(text, cut: cut), "\(text)") }
        let refused = [
            "$51\r\n", "*11\r\n", Self.nested + "*1\r\n", Self.nested + "*0\r\n", "*1\r\n$51\r\n", "*2\r\n*0\r\n*11\r\n",
            Self.nested + ":1\r\n" + Self.nested + "*1\r\n", "+" + String(repeating: "y", count: 101), "$1\r\n*\r\n*11\r\n", "!", "\n",
            "$1a\r\n",
            "$9999999999999999999\r\n", "*1-\r\n", "%1\r\n", "$00000000000000000001\r\n",
        ]
        for text in refused { #expect(refuses(text, cut: cut), "\(text)") }
    }

    @Test(arguments: [1, 2, 3, 7, Int.max])
    func `a line ends only where hiredis sees its end, so that nothing is read that was not looked at`(cut: Int) {
        let refused = [
            // hiredis takes everything up to the first CR LF for one line, and would go on within what the guard took for a bulk string.
            "+x\n$40\nA\r\n*999999999\r\n", "+x\n", "-ERR\r1\n*1\r\n", "\u{2b}\u{3}*\r1\n*1\r\n", "$1\na\r\n", "*1\r:1\r\n", "$1\r2\r\n",
            "*1\r\r\n",
        ]
        for text in refused { #expect(refuses(text, cut: cut), "\(text)") }
        for text in ["+a\rb\r\n", "+a\r\r\n:1\r\n"] { #expect(!refuses(text, cut: cut), "\(text)") }
    }

    @Test(arguments: 0..<50)
    func `random bytes are refused or read, and never trap`(seed: Int) {
        var generator = SplitMix(state: UInt64(seed))
        let pieces = [
            "*", "$", "+", "-", ":", "\r\n", "\n", "0", "1", "3", "-1", "9999999999", "*2\r\n", "$3\r\nabc\r\n", ":7\r\n", "+OK\r\n",
            "\u{0}", "é", "*-1\r\n",
        ]
        for _ in 0..<200 {
            let reader = RedisReplyReader(maximumReplyBytes: 1_000, maximumReplyElements: 20)
            var count = 0
            do throws(RedisReplyReader.Failure) {
                for _ in 0..<40 {
                    let piece = pieces[Int(generator.next() % UInt64(pieces.count))]
                    try reader.read(ByteBuffer(string: piece)) { _ in
                        count += 1
                        return true
                    }
                }
            } catch {
                #expect(!error.description.isEmpty)
            }
            #expect(count <= 40)
        }
    }

    @Test func `what the guard lets pass, and whole replies are, the reader reads whole`() throws {
        var generator = SplitMix(state: 7)
        func reply(depth: Int) -> (text: String, value: RedisValue) {
            switch generator.next() % (depth < 6 ? 7 : 5) {
            case 0: return ("+fine\r\n", .status("fine"))
            case 1: return ("-ERR bad\r\n", .error(.init(text: "ERR bad")))
            case 2:
                let number = Int64(truncatingIfNeeded: generator.next())
                return (":\(number)\r\n", .integer(number))
            case 3: return ("$-1\r\n", .null)
            case 4:
                let text = String(repeating: "\r\n$1*", count: Int(generator.next() % 8))
                return ("$\(text.utf8.count)\r\n\(text)\r\n", .bytes(ByteBuffer(string: text)))
            default:
                let elements = (0..<Int(generator.next() % 5)).map { _ in reply(depth: depth + 1) }
                return ("*\(elements.count)\r\n" + elements.map(\.text).joined(), .array(elements.map(\.value)))
            }
        }
        let reader = RedisReplyReader(maximumReplyBytes: 100_000, maximumReplyElements: 100)
        for _ in 0..<2_000 {
            let expected = reply(depth: 0)
            var rest = ByteBuffer(string: expected.text)
            var values: [RedisValue] = []
            while rest.readableBytes > 0, let part = rest.readSlice(length: min(rest.readableBytes, 1 + Int(generator.next() % 9))) {
                try reader.read(part) {
                    values.append($0)
                    return true
                }
            }
            #expect(values == [expected.value])
        }
    }
}
