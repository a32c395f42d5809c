import ColonyExchanges
import Testing

@Suite("Messages as the exchanges document them")
struct SampleTests {
    private static let samples = Sample.first + Sample.second + Sample.third

    @Test("every sample means what its exchange says", arguments: samples)
    func meaning(of sample: Sample) throws {
        var connection = try Connection(sample.id)
        #expect(connection.read(sample.text) == sample.meaning)
        // Two of the exchanges answer in binary frames that hold JSON.
        #expect(connection.read(Array(sample.text.utf8), isText: false) == sample.meaning)
    }

    @Test("a message cut off anywhere never reaches a wrong stream", arguments: samples)
    func truncation(of sample: Sample) throws {
        var connection = try Connection(sample.id)
        let bytes = Array(sample.text.utf8)
        for length in 0..<bytes.count {
            // A copy of the exact size, so that a read past the end is a read past the allocation.
            guard case .packet(let topic) = connection.read(Array(bytes[..<length])) else { continue }
            #expect(.packet(topic) == sample.meaning, "cut to \(length) bytes")
        }
    }

    @Test("a message with one byte changed is read without a crash", arguments: samples)
    func damage(of sample: Sample) throws {
        var connection = try Connection(sample.id)
        let bytes = Array(sample.text.utf8)
        for index in bytes.indices {
            for replacement: UInt8 in [0x00, 0x22, 0x5C, 0x5B, 0x7D, 0x80] {
                var damaged = bytes
                damaged[index] = replacement
                _ = connection.read(damaged)
            }
        }
    }

    @Test("messages of one stream have one stream key, messages of two streams two")
    func streamKeys() throws {
        var keys: [String: [[UInt8]: Topic]] = [:]
        for sample in Self.samples {
            var connection = try Connection(sample.id)
            guard case .packet(let topic) = sample.meaning else { continue }
            let found = connection.streamKey(sample.text)
            let key = try #require(found)
            if let known = keys[sample.id]?[key] { #expect(known == topic, "\(sample.id): one key for two streams") }
            keys[sample.id, default: [:]][key] = topic
        }
    }
}
