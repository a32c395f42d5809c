@testable import WebSocketClient

/// The cases, by the numbers of the Autobahn specification.
enum ConformanceCases {
    static let framing: [ConformanceCase] = [0, 125, 126, 127, 128, 65535, 65536].flatMap { size in
        let text = String(repeating: "*", count: size)
        let bytes = [UInt8](repeating: 0xfe, count: size)
        return [
            ConformanceCase("1.1 text of \(size)", [Frame.text(text)], answers: [.text(text)]),
            ConformanceCase("1.1 text of \(size) in pieces of 997", [Frame.text(text)], answers: [.text(text)], chunk: 997),
            ConformanceCase("1.2 binary of \(size)", [Frame.binary(bytes)], answers: [.binary(bytes)]),
            ConformanceCase("1.2 binary of \(size) in pieces of 997", [Frame.binary(bytes)], answers: [.binary(bytes)], chunk: 997),
        ]
    }

    static let pings: [ConformanceCase] = [
        .init("2.1 empty", [Frame.ping()], answers: [.pong("")]),
        .init("2.2 text", [Frame.ping("Hello, world!")], answers: [.pong("Hello, world!")]),
        .init("2.3 bytes", [Frame.make(9, [0, 255, 254, 253, 0])], answers: [.init(opcode: 10, payload: [0, 255, 254, 253, 0])]),
        .init(
            "2.4 125 bytes", [Frame.make(9, [UInt8](repeating: 254, count: 125))],
            answers: [.init(opcode: 10, payload: [UInt8](repeating: 254, count: 125))]),
        .init("2.5 126 bytes", [Frame.make(9, [UInt8](repeating: 254, count: 126))], end: .failed(1002)),
        .init(
            "2.6 byte by byte", [Frame.make(9, [UInt8](repeating: 254, count: 125))],
            answers: [.init(opcode: 10, payload: [UInt8](repeating: 254, count: 125))], chunk: 1),
        .init("2.7 unsolicited pong", [Frame.pong()]),
        .init("2.8 unsolicited pong with payload", [Frame.pong("unasked")]),
        .init("2.9 unsolicited pong, then ping", [Frame.pong("unasked"), Frame.ping("asked")], answers: [.pong("asked")]),
        .init("2.10 ten pings", (0..<10).map { Frame.ping("payload-\($0)") }, answers: (0..<10).map { .pong("payload-\($0)") }),
        .init(
            "2.11 ten pings byte by byte", (0..<10).map { Frame.ping("payload-\($0)") }, answers: (0..<10).map { .pong("payload-\($0)") },
            chunk: 1),
    ]

    static let reservedBits: [ConformanceCase] = [
        .init("3.1", [Frame.make(1, Array("*".utf8), rsv: 1)], end: .failed(1002)),
        .init(
            "3.2", [Frame.text("first"), Frame.make(1, Array("*".utf8), rsv: 2), Frame.ping()], answers: [.text("first")],
            end: .failed(1002)),
        .init(
            "3.3", [Frame.text("first"), Frame.make(1, Array("*".utf8), rsv: 3), Frame.ping()], answers: [.text("first")],
            end: .failed(1002), chunk: 7),
        .init(
            "3.4", [Frame.text("first"), Frame.make(1, Array("*".utf8), rsv: 4), Frame.ping()], answers: [.text("first")],
            end: .failed(1002), chunk: 1),
        .init("3.5", [Frame.make(2, [1, 2, 3], rsv: 5)], end: .failed(1002)),
        .init("3.6", [Frame.make(9, [1, 2, 3], rsv: 6)], end: .failed(1002)),
        .init("3.7", [Frame.make(8, [0x03, 0xe8], rsv: 7)], end: .failed(1002)),
    ]

    static let opcodes: [ConformanceCase] = ([3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8]).flatMap { opcode in
        [
            ConformanceCase("4 opcode \(opcode)", [Frame.make(opcode, [])], end: .failed(1002)),
            ConformanceCase("4 opcode \(opcode) with payload", [Frame.make(opcode, Array("reserved".utf8))], end: .failed(1002)),
            ConformanceCase(
                "4 opcode \(opcode) behind text", [Frame.text("first"), Frame.make(opcode, []), Frame.ping()], answers: [.text("first")],
                end: .failed(1002)),
            ConformanceCase(
                "4 opcode \(opcode) behind text byte by byte", [Frame.text("first"), Frame.make(opcode, [1]), Frame.ping()],
                answers: [.text("first")],
                end: .failed(1002), chunk: 1
            ),
        ]
    }

    static let fragments: [ConformanceCase] = {
        let start = Frame.text("fragment1", fin: false)
        let end = Frame.continuation("fragment2", fin: true)
        let both = ConformanceCase.Answer.text("fragment1fragment2")
        let five = [
            start, Frame.continuation("fragment2"), Frame.ping("one"), Frame.continuation("fragment3"), Frame.ping("two"),
            Frame.continuation("fragment4"), Frame.continuation("fragment5", fin: true),
        ]
        let fiveAnswers: [ConformanceCase.Answer] = [.pong("one"), .pong("two"), .text("fragment1fragment2fragment3fragment4fragment5")]
        return [
            .init("5.1 fragmented ping", [Frame.make(9, [1], fin: false), Frame.continuation([2], fin: true)], end: .failed(1002)),
            .init("5.2 fragmented pong", [Frame.make(10, [1], fin: false), Frame.continuation([2], fin: true)], end: .failed(1002)),
            .init("5.3", [start, end], answers: [both]),
            .init("5.4", [start, end], answers: [both], chunk: 9),
            .init("5.5", [start, end], answers: [both], chunk: 1),
            .init("5.6", [start, Frame.ping("ping"), end], answers: [.pong("ping"), both]),
            .init("5.7", [start, Frame.ping("ping"), end], answers: [.pong("ping"), both], chunk: 9),
            .init("5.8", [start, Frame.ping("ping"), end], answers: [.pong("ping"), both], chunk: 1),
            .init("5.9 continuation of nothing", [Frame.continuation("x", fin: true), Frame.text("y")], end: .failed(1002)),
            .init("5.11 byte by byte", [Frame.continuation("x", fin: true), Frame.text("y")], end: .failed(1002), chunk: 1),
            .init("5.12 unfinished continuation of nothing", [Frame.continuation("x"), Frame.text("y")], end: .failed(1002)),
            .init(
                "5.15 continuation after the end", [start, end, Frame.continuation("x"), Frame.text("y")], answers: [both],
                end: .failed(1002)),
            .init("5.16", [Frame.continuation("x"), start, end], end: .failed(1002)),
            .init("5.18 a message in a message", [start, Frame.text("fragment2")], end: .failed(1002)),
            .init("5.19 pings between five fragments", five, answers: fiveAnswers),
            .init("5.20 pings between five fragments, byte by byte", five, answers: fiveAnswers, chunk: 1),
        ]
    }()

    static let texts: [ConformanceCase] = {
        let greek = "Hello-µ@ßöäüàá-UTF-8!!κόσμε"
        let bytes = Array(greek.utf8)
        let bad: [UInt8] = Array("κόσμε".utf8) + [0xed, 0xa0, 0x80] + Array("edited".utf8)
        return [
            .init("6.1.1 nothing", [Frame.text("")], answers: [.text("")]),
            .init(
                "6.1.2 three empty fragments", [Frame.text("", fin: false), Frame.continuation(""), Frame.continuation("", fin: true)],
                answers: [.text("")]),
            .init(
                "6.1.3 text between empty fragments",
                [Frame.text("", fin: false), Frame.continuation("middle"), Frame.continuation("", fin: true)], answers: [.text("middle")]),
            .init("6.2.1 whole", [Frame.text(greek)], answers: [.text(greek)]),
            .init(
                "6.2.2 cut between characters",
                [Frame.text(Array(bytes.prefix(7)), fin: false), Frame.continuation(Array(bytes.dropFirst(7)), fin: true)],
                answers: [.text(greek)]),
            .init(
                "6.2.3 a fragment per byte",
                [Frame.text([], fin: false)] + bytes.map { Frame.continuation([$0]) } + [Frame.continuation([], fin: true)],
                answers: [.text(greek)]),
            .init("6.3.1 invalid", [Frame.text(bad)], end: .failed(1007)),
            .init(
                "6.3.2 invalid, a fragment per byte",
                [Frame.text([], fin: false)] + bad.map { Frame.continuation([$0]) } + [Frame.continuation([], fin: true)],
                end: .failed(1007)),
            .init(
                "6.4.1 invalid before the last fragment comes",
                [Frame.text(Array("κόσμε".utf8), fin: false), Frame.continuation([0xf4, 0x90, 0x80, 0x80])], end: .failed(1007)),
            .init(
                "6.4.3 invalid before the frame ends",
                [Array(Frame.text(Array("κόσμε".utf8) + [0xf4, 0x90, 0x80, 0x80] + Array("edited".utf8)).prefix(17))], end: .failed(1007)),
        ]
            + UTF8ValidatorTests.valid.enumerated().map {
                .init("6 valid \($0)", [Frame.text($1)], answers: [.init(opcode: 1, payload: $1)])
            }
            + UTF8ValidatorTests.invalid.enumerated().map { .init("6 invalid \($0)", [Frame.text($1.0)], end: .failed(1007)) }
    }()

    static let closes: [ConformanceCase] =
        [
            .init(
                "7.1.1 text, then close", [Frame.text("Hello World!"), Frame.close(1000)], answers: [.text("Hello World!")],
                end: .answered(1000)),
            .init("7.1.2 two closes", [Frame.close(1000), Frame.close(1001)], end: .answered(1000)),
            .init("7.1.3 ping behind a close", [Frame.close(1000), Frame.ping()], end: .answered(1000)),
            .init("7.1.4 text behind a close", [Frame.close(1000), Frame.text("late")], end: .answered(1000)),
            .init(
                "7.1.5 close inside a message", [Frame.text("begin", fin: false), Frame.close(1000), Frame.continuation("end", fin: true)],
                end: .answered(1000)),
            .init("7.3.1 empty", [Frame.close()], end: .answered(nil)),
            .init("7.3.2 one byte", [Frame.make(8, [0x61])], end: .failed(1002)),
            .init("7.3.3 code", [Frame.close(1000)], end: .answered(1000)),
            .init("7.3.4 code and text", [Frame.close(1000, "Hello World!")], end: .answered(1000)),
            .init("7.3.5 123 bytes of text", [Frame.close(1000, String(repeating: "*", count: 123))], end: .answered(1000)),
            .init("7.3.6 124 bytes of text", [Frame.close(1000, String(repeating: "*", count: 124))], end: .failed(1002)),
            .init("7.5.1 text that is not UTF-8", [Frame.make(8, [0x03, 0xe8, 0xce, 0xba, 0xed, 0xa0, 0x80])], end: .failed(1007)),
        ]
        + ([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] as [UInt16]).map {
            .init("7.7 code \($0)", [Frame.close($0)], end: .answered($0))
        }
        + ([0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535] as [UInt16]).map {
            .init("7.9 code \($0)", [Frame.close($0)], end: .failed(1002))
        }

    static let large: [ConformanceCase] = {
        let text = String(repeating: "0123456789abcdef", count: 1 << 16)
        let bytes = Array(text.utf8)
        func fragments(_ size: Int) -> [[UInt8]] {
            stride(from: 0, to: bytes.count, by: size).map { start in
                Frame.make(start == 0 ? 1 : 0, Array(bytes[start..<min(start + size, bytes.count)]), fin: start + size >= bytes.count)
            }
        }
        return [
            .init("9.1 1 MiB", [Frame.text(text)], answers: [.text(text)]),
            .init("9.2 1 MiB of bytes", [Frame.binary(bytes)], answers: [.binary(bytes)]),
            .init("9.3 fragments of 64 bytes", fragments(64), answers: [.text(text)]),
            .init("9.3 fragments of 16 KiB", fragments(16 << 10), answers: [.text(text)]),
            .init("9.5 writes of 2 KiB", [Frame.text(text)], answers: [.text(text)], chunk: 2048),
            .init("9.7 many small messages", (0..<1000).map { Frame.text("\($0)") }, answers: (0..<1000).map { .text("\($0)") }),
            .init("10.1.1 fragments of 1300 bytes", fragments(1300), answers: [.text(text)]),
        ]
    }()
}
