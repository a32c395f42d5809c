import ColonyExchanges
import Testing

/// What must hold for every reader whatever a server sends: no crash, no range outside the message, no channel that breaks a key.
@Suite("Readers and foreign messages")
struct ReaderRobustnessTests {
    @Test(
        "messages of all exchanges, whole and damaged, give each reader routes inside the message and channels that fit a key",
        arguments: ids)
    func foreignMessages(id: String) throws {
        let dialect = try Exchanges.dialect(id)
        for seed in Self.seeds {
            var reader = dialect.makeReader()
            var random = SeededGenerator(seed: seed)
            for sample in Sample.first + Sample.second + Sample.third {
                for bytes in [Array(sample.text.utf8)] + (0..<3).map({ _ in Self.damaged(Array(sample.text.utf8), &random) }) {
                    bytes.withUnsafeBytes { message in
                        guard case .packet(let route) = reader.read(message, isText: Bool.random(using: &random)) else { return }
                        let whole = 0..<message.count
                        #expect(whole.contains(route.first) && whole.contains(route.second), "seed \(seed): \(sample)")
                        guard let topic = reader.topic(of: route, in: message) else { return }
                        // The server's own names may be empty, reserved or too long; the packet path asks. No other character gets through.
                        #expect(
                            topic.channel.isEmpty || topic.channel.wholeMatch(of: /[a-z0-9_.-]+/) != nil,
                            "seed \(seed): \(topic) from \(String(decoding: bytes, as: UTF8.self))")
                    }
                }
            }
        }
    }

    @Test("every offered symbol and channel keeps its topic through canonical", arguments: ids)
    func canonicalIsStable(id: String) throws {
        let dialect = try Exchanges.dialect(id)
        for channel in ["trade", "ticker", "bbo", "book", "book_snapshot", "candle.1m"] {
            guard let topic = try? dialect.canonical(channel, dialect.profile.exampleSymbol) else { continue }
            #expect(try dialect.canonical(topic) == topic)
            #expect(topic.namesStream)
            let requests = dialect.subscribe([topic], firstID: 1)
            #expect(requests.flatMap(\.topics).allSatisfy { $0 == topic })
        }
    }

    static let ids = Exchanges.all.map(\.profile.id)
    private static let seeds: [UInt64] = [1, UInt64.random(in: 2...UInt64.max)]
    private static func damaged(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
        case 1: bytes.insert(contentsOf: Array("\"\\u0000".utf8), at: Int.random(in: 0...bytes.count, using: &random))
        default:
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
        }
        return bytes
    }
}

extension Range<Int> {
    fileprivate func contains(_ other: Range<Int>) -> Bool {
        other.isEmpty || (lowerBound <= other.lowerBound && other.upperBound <= upperBound)
    }
}
