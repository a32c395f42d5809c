/// RFC 1951 and 1952, written for clarity: unpacks the recordings without the library that the project itself unpacks with.
struct Inflate {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let input: [UInt8]
    private var position: Int
    private var bits: UInt32 = 0
    private var bitCount = 0
    private var output: [UInt8] = []

    /// Unpacks one gzip member.
    static func gzip(_ member: [UInt8]) throws -> [UInt8] {
        guard member.count > 18, member[0] == 0x1F, member[1] == 0x8B, member[2] == 8 else { throw Failure(description: "no gzip member") }
        let flags = member[3]
        var start = 10
        if flags & 4 != 0 { start += 2 + Int(member[start]) + Int(member[start + 1]) << 8 }
        for flag: UInt8 in [8, 16] where flags & flag != 0 {
            while member[start] != 0 { start += 1 }
            start += 1
        }
        if flags & 2 != 0 { start += 2 }
        return try raw(Array(member[start..<member.count - 8]))
    }

    /// Unpacks a bare deflate stream.
    static func raw(_ stream: [UInt8]) throws -> [UInt8] {
        var inflate = Inflate(input: stream, position: 0)
        while try inflate.block() {}
        return inflate.output
    }

    private init(input: [UInt8], position: Int) {
        self.input = input
        self.position = position
    }

    private mutating func take(_ count: Int) throws -> Int {
        while bitCount < count {
            guard position < input.count else { throw Failure(description: "the stream ends early") }
            bits |= UInt32(input[position]) << UInt32(bitCount)
            position += 1
            bitCount += 8
        }
        let value = Int(bits & (1 << UInt32(count) - 1))
        bits >>= UInt32(count)
        bitCount -= count
        return value
    }

    /// Reads one block; false after the last one.
    private mutating func block() throws -> Bool {
        let isLast = try take(1) == 1
        switch try take(2) {
        case 0:
            bits = 0
            bitCount = 0
            guard position + 4 <= input.count else { throw Failure(description: "the stream ends early") }
            let count = Int(input[position]) | Int(input[position + 1]) << 8
            guard position + 4 + count <= input.count else { throw Failure(description: "the stream ends early") }
            output += input[position + 4..<position + 4 + count]
            position += 4 + count
        case 1:
            let lengths = (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
            try codes(Huffman(lengths), Huffman(Array(repeating: 5, count: 30)))
        case 2:
            let (literals, distances) = try dynamicTables()
            try codes(literals, distances)
        default: throw Failure(description: "unknown block type")
        }
        return !isLast
    }

    private mutating func dynamicTables() throws -> (Huffman, Huffman) {
        let literalCount = try take(5) + 257
        let distanceCount = try take(5) + 1
        let codeCount = try take(4) + 4
        var codeLengths = Array(repeating: 0, count: 19)
        for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15].prefix(codeCount) {
            codeLengths[symbol] = try take(3)
        }
        let code = Huffman(codeLengths)
        var lengths: [Int] = []
        while lengths.count < literalCount + distanceCount {
            let symbol = try decode(code)
            switch symbol {
            case 16: lengths += Array(repeating: lengths.last ?? 0, count: try take(2) + 3)
            case 17: lengths += Array(repeating: 0, count: try take(3) + 3)
            case 18: lengths += Array(repeating: 0, count: try take(7) + 11)
            default: lengths.append(symbol)
            }
        }
        return (Huffman(Array(lengths[..<literalCount])), Huffman(Array(lengths[literalCount...])))
    }

    private mutating func codes(_ literals: Huffman, _ distances: Huffman) throws {
        while true {
            let symbol = try decode(literals)
            if symbol < 256 {
                output.append(UInt8(symbol))
                continue
            }
            if symbol == 256 { return }
            guard symbol < 286 else { throw Failure(description: "unknown length code") }
            let length = Self.lengthBase[symbol - 257] + (try take(Self.lengthExtra[symbol - 257]))
            let code = try decode(distances)
            guard code < 30 else { throw Failure(description: "unknown distance code") }
            let distance = Self.distanceBase[code] + (try take(code < 2 ? 0 : code / 2 - 1))
            guard distance <= output.count else { throw Failure(description: "a distance beyond the beginning") }
            for _ in 0..<length { output.append(output[output.count - distance]) }
        }
    }

    private mutating func decode(_ huffman: Huffman) throws -> Int {
        var code = 0
        var first = 0
        var index = 0
        for length in 1...15 {
            code |= try take(1)
            let count = huffman.counts[length]
            if code - count < first { return huffman.symbols[index + code - first] }
            index += count
            first = (first + count) << 1
            code <<= 1
        }
        throw Failure(description: "no such code")
    }

    private struct Huffman {
        var counts = Array(repeating: 0, count: 16)
        var symbols: [Int] = []

        init(_ lengths: [Int]) {
            for length in 1...15 {
                let here = lengths.indices.filter { lengths[$0] == length }
                counts[length] = here.count
                symbols += here
            }
        }
    }

    private static let lengthBase = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
    ]
    private static let lengthExtra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
    private static let distanceBase = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289,
        16385,
        24577,
    ]
}
