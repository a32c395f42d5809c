import Testing

@testable import ColonyExchanges

@Suite("Bytes of a message")
struct MessageBytesTests {
    private func with<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        Array(text.utf8).withUnsafeBytes(body)
    }

    @Test("a range is compared with words of any length")
    func comparesWords() {
        with("a long word of more than sixteen bytes") { message in
            #expect(message.equals(0..<message.count, "a long word of more than sixteen bytes"))
            #expect(!message.equals(0..<message.count, "a long word of more than sixteen bytez"))
            #expect(message.equals(2..<6, "long"))
            #expect(!message.equals(2..<6, "lon"))
            #expect(message.hasPrefix(2..<11, "long"))
            #expect(!message.hasPrefix(2..<4, "long"))
            #expect(message.hasSuffix(0..<message.count, "bytes"))
            #expect(!message.hasSuffix(0..<3, "bytes"))
            #expect(message.same(3..<4, 8..<9))
            #expect(!message.same(3..<4, 7..<8))
        }
    }

    @Test("a range is split at its first or last separator")
    func splits() {
        with("market.btcusdt.trade.detail") { message in
            let all = 0..<message.count
            #expect(
                message.split(all, at: 0x2E).map { [message.text($0.before), message.text($0.after)] } == [
                    "market", "btcusdt.trade.detail",
                ])
            #expect(
                message.splitLast(all, at: 0x2E).map { [message.text($0.before), message.text($0.after)] } == [
                    "market.btcusdt.trade", "detail",
                ])
            #expect(message.split(0..<6, at: 0x2E) == nil)
        }
    }

    @Test(
        "integers are read as they are written, and nothing else is one",
        arguments: [
            ("0", 0), ("17470", 17470), ("-3", -3), ("9223372036854775807", Int.max), ("-9223372036854775808", Int.min),
            ("9223372036854775808", nil), ("-9223372036854775809", nil), ("99999999999999999999", nil), ("", nil), ("-", nil), ("1.0", nil),
            ("x", nil),
        ] as [(String, Int?)])
    func integers(text: String, value: Int?) {
        #expect(with(text) { $0.integer(in: 0..<$0.count) } == value)
    }

    @Test("the elements of an array are found with their kinds")
    func elements() {
        with(#"{"a":[ "x\n", 17 , {"b":[1]}, [], true, null]}"#) { message in
            let found = message.elements(at: ["a"])
            #expect(found.map(\.kind) == [.string, .number, .object, .array, .true, .null])
            #expect(found.map(message.text) == ["x\n", "17", #"{"b":[1]}"#, "[]", "true", "null"])
            #expect(message.texts(at: ["a"]) == ["x\n", "17"])
            #expect(message.elements(at: ["b"]).isEmpty)
        }
        with(#"{"o":{"x\u0041": [1] , "y":"z"},"e":{},"f":[]}"#) { message in
            let found = message.members(at: ["o"])
            #expect(found.map(\.name) == ["xA", "y"])
            #expect(found.map { message.text($0.value) } == ["[1]", "z"])
            #expect(message.members(at: ["e"]).isEmpty)
            #expect(message.elements(at: ["f"]).isEmpty)
        }
    }
}
