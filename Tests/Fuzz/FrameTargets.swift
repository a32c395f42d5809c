import NIOCore

@testable import WebSocketClient

extension FuzzTarget {
    private enum Seen: Equatable {
        case message(WebSocketMessageKind, [UInt8])
        case ping([UInt8])
        case pong([UInt8])
        case close(UInt16, String)
        case violation
    }

    private static let maxMessageBytes = 1 << 16

    private static func decode(_ decoder: inout FrameDecoder, _ bytes: UnsafeRawBufferPointer, into seen: inout [Seen]) -> Bool {
        var cursor = 0
        while true {
            switch decoder.next(bytes, &cursor) {
            case .needsMore: return true
            case .message(let kind, let payload):
                precondition(payload.count <= maxMessageBytes, "a message beyond the limit was given out")
                precondition(kind == .binary || String(validating: payload, as: UTF8.self) != nil, "text that is not UTF-8 was given out")
                seen.append(.message(kind, Array(payload)))
            case .ping(let payload): seen.append(.ping(Array(payload)))
            case .pong(let payload): seen.append(.pong(Array(payload)))
            case .close(let code, let text):
                seen.append(.close(code, text))
                return false
            case .violation(let violation):
                precondition([1002, 1007, 1009].contains(violation.code), "violation with code \(violation.code)")
                seen.append(.violation)
                return false
            }
        }
    }

    /// In one piece and in many, the same events.
    private static func compare(_ input: UnsafeRawBufferPointer, _ makeDecoder: () throws -> FrameDecoder) {
        guard let input = CutInput(input) else { return }
        do {
            var (whole, cut): ([Seen], [Seen]) = ([], [])
            var decoder = try makeDecoder()
            exactly(input.bytes) { _ = decode(&decoder, $0, into: &whole) }
            decoder = try makeDecoder()
            input.forEachPiece { decode(&decoder, $0, into: &cut) }
            precondition(whole == cut, "in one piece: \(whole)\nin many: \(cut)")
        } catch { preconditionFailure("no decoder: \(error)") }
    }

    static let frames = FuzzTarget(
        name: "frames",
        seeds: [
            [0, 0x81, 2, 0x68, 0x69, 0x82, 1, 0xff, 0x89, 1, 0x70, 0x8a, 0, 0x88, 2, 3, 0xe8],
            [3, 1, 1, 0x68, 0x89, 0, 0, 0, 0x80, 1, 0x69],
            [1, 0x81, 126, 0, 126] + [UInt8](repeating: 0x61, count: 126), [2, 0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0, 1],
            [7, 0x81, 2, 0xc3, 0xa4],
        ]
    ) { input in
        compare(input) { FrameDecoder(maxMessageBytes: maxMessageBytes) }
    }

    static let compressedFrames = FuzzTarget(
        name: "compressed-frames",
        seeds: [
            [0, 0, 0xc1, 7, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 7, 0], [3, 1, 0x41, 3, 0xf2, 0x48, 0xcd, 0x80, 4, 0xc9, 0xc9, 7, 0],
            [1, 2, 0xc1, 8, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0, 0xc1, 5, 0xf2, 0, 0x11, 0, 0], [0, 0, 0xc1, 1, 0, 0xc2, 4, 3, 0, 3, 0],
        ]
    ) { input in
        // The second byte says what was agreed on.
        guard input.count > 2 else { return }
        let agreement = input[1]
        let rest = [input[0]] + input[2...]
        rest.withUnsafeBytes { bytes in
            compare(bytes) {
                let inflater = try Inflater(.raw, windowBits: 9 + Int(agreement >> 1) % 7)
                return FrameDecoder(
                    maxMessageBytes: maxMessageBytes, inflation: Inflation(inflater: inflater, keepsContext: agreement & 1 == 0))
            }
        }
    }

    static let inflate = FuzzTarget(
        name: "inflate",
        seeds: [
            [0, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 7, 0], [1] + gzipHello,
            [2, 0x78, 0x9c, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 6, 0x2c, 2, 0x15],
            [3, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 7, 0], [1] + gzipHello + gzipHello, [0, 3, 0],
        ]
    ) { input in
        guard let first = input.first else { return }
        let limit = 1 << 20
        var output = ByteBuffer()
        exactly(UnsafeRawBufferPointer(rebasing: input.dropFirst())) { bytes in
            do {
                switch first & 3 {
                case 3:
                    let inflater = try Inflater(.raw, windowBits: 15)
                    // Twice: the first leaves its window.
                    try inflater.inflateMessage(bytes, limit: limit, into: &output)
                    precondition(output.readableBytes <= limit)
                    output.clear()
                    try inflater.inflateMessage(bytes, limit: limit, keepsContext: false, into: &output)
                case let format:
                    let inflater = try Inflater([.raw, .gzip, .zlib][Int(format)])
                    try inflater.inflate(bytes, limit: limit, into: &output)
                    let once = output
                    output = ByteBuffer()
                    try inflater.inflate(bytes, limit: limit, into: &output)
                    precondition(output == once, "a message leaves something for the next")
                }
                precondition(output.readableBytes <= limit, "inflated beyond the limit")
            } catch {
                precondition(error is CompressionError, "an error of another kind: \(error)")
                precondition((error as? CompressionError)?.code != .unavailable, "\(error)")
                precondition(output.readableBytes <= limit + 1, "inflated far beyond the limit")
            }
        }
    }

    private static let gzipHello: [UInt8] = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xe7, 2, 0, 0x20, 0x30, 0x3a, 0x36, 6, 0, 0, 0,
    ]
}
