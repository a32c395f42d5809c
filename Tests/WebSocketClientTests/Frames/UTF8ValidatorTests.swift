import Testing

@testable import WebSocketClient

@Suite struct UTF8ValidatorTests {
    private static func validity(_ pieces: [[UInt8]]) -> Bool {
        var validator = UTF8Validator()
        for piece in pieces where !piece.withUnsafeBytes({ validator.take($0) }) { return false }
        return validator.isComplete
    }

    static let valid: [[UInt8]] = [
        [], Array("plain ASCII, long enough for the wide path: 0123456789 0123456789".utf8), Array("κόσμε".utf8),
        Array("Hello-µ@ßöäüàá-UTF-8!!".utf8), [0x00], [0x7f], [0xc2, 0x80], [0xdf, 0xbf], [0xe0, 0xa0, 0x80], [0xed, 0x9f, 0xbf],
        [0xee, 0x80, 0x80],
        [0xef, 0xbf, 0xbd], [0xef, 0xbf, 0xbf], [0xf0, 0x90, 0x80, 0x80], [0xf0, 0x9f, 0xbf, 0xbf], [0xf4, 0x8f, 0xbf, 0xbf],
        Array(repeating: 0x61, count: 31) + [0xe2, 0x82, 0xac] + Array(repeating: 0x62, count: 33),
    ]

    /// With the index of the byte at which each must be seen to be invalid; nil: only its end is wrong.
    static let invalid: [([UInt8], Int?)] = [
        ([0x80], 0), ([0xbf], 0), ([0xc0, 0xaf], 0), ([0xc1, 0xbf], 0), ([0xfe], 0), ([0xff], 0), ([0xf5, 0x80], 0), ([0xfc, 0x84], 0),
        ([0xf8, 0x88], 0),
        ([0xe0, 0x80, 0xaf], 1), ([0xe0, 0x9f, 0xbf], 1), ([0xed, 0xa0, 0x80], 1), ([0xed, 0xbf, 0xbf], 1), ([0xf0, 0x80, 0x80, 0xaf], 1),
        ([0xf0, 0x8f, 0xbf, 0xbf], 1), ([0xf4, 0x90, 0x80, 0x80], 1), ([0xc2, 0x41], 1), ([0xe2, 0x82, 0x41], 2),
        ([0xf0, 0x9f, 0xbf, 0x41], 3),
        ([0xe2, 0x28, 0xa1], 1), ([0xc2], nil), ([0xe2, 0x82], nil), ([0xf0, 0x90, 0x80], nil),
        (Array("κόσμε".utf8) + [0xed, 0xa0, 0x80], 11),
        (Array(repeating: 0x61, count: 40) + [0xff] + Array(repeating: 0x61, count: 40), 40),
    ]

    @Test("Valid text is valid in one piece, at every split and byte by byte", arguments: valid)
    func acceptsValid(bytes: [UInt8]) {
        #expect(Self.validity([bytes]))
        #expect(Self.validity(bytes.map { [$0] }))
        for split in bytes.indices { #expect(Self.validity([Array(bytes[..<split]), Array(bytes[split...])]), "split at \(split)") }
    }

    @Test("Invalid text is invalid in one piece and at every split", arguments: invalid)
    func refusesInvalid(bytes: [UInt8], at position: Int?) {
        #expect(!Self.validity([bytes]))
        for split in bytes.indices { #expect(!Self.validity([Array(bytes[..<split]), Array(bytes[split...])]), "split at \(split)") }
        var validator = UTF8Validator()
        let seen = bytes.firstIndex { byte in !withUnsafeBytes(of: byte) { validator.take($0) } }
        #expect(seen == position)
    }

    @Test("Random bytes are judged as the standard library judges them", arguments: 1...8)
    func agreesWithTheStandardLibrary(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        // Bytes near the edges of the ranges, so that valid sequences turn up.
        let pool: [UInt8] = [0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2, 0xdf, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5]
        for _ in 0..<4000 {
            let bytes = (0..<Int.random(in: 1...6, using: &random)).map { _ in pool.randomElement(using: &random) ?? 0 }
            let expected = String(validating: bytes, as: UTF8.self) != nil
            #expect(Self.validity([bytes]) == expected, "\(bytes), seed \(seed)")
        }
    }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }
}
