import Testing

@testable import ColonyExchanges

@Suite("Field scanner")
struct FieldScannerTests {
    /// What a scan found, with the values as text.
    private func scan(_ text: String, _ paths: FieldPath..., strict: Bool = false) -> (values: [String?], problem: ScanProblem?) {
        let scanner = FieldScanner(paths: paths, strict: strict)
        return Array(text.utf8).withUnsafeBytes { message in
            let scan = scanner.scan(message)
            return (paths.indices.map { index in scan[index].map(message.text) }, scan.problem)
        }
    }

    @Test("values are found by keys and positions, whatever stands between")
    func findsValues() {
        let text = #" { "x" : [1,{"a":"]"}] , "data" : { "e" : "trade" , "s":"BTCUSDT","n":-1.5e3 } , "ok":true } "#
        let found = scan(text, ["data", "s"], ["data", "e"], ["ok"], ["x", .index(1), "a"])
        #expect(found.values == ["BTCUSDT", "trade", "true", "]"])
        #expect(found.problem == nil)
    }

    @Test("a value is an object, an array, a number, a literal or a string, and absent ones are nil")
    func tellsKinds() {
        let text = #"{"o":{"a":1},"r":[1, 2],"n":-0.5,"t":true,"f":false,"z":null,"s":"q\"q"}"#
        #expect(scan(text, ["o"], ["r"], ["n"], ["t"]).values == [#"{"a":1}"#, "[1, 2]", "-0.5", "true"])
        #expect(scan(text, ["f"], ["z"], ["s"], ["none"]).values == ["false", "null", #"q"q"#, nil])
        let kinds = Array(text.utf8).withUnsafeBytes { message in
            ["o", "r", "n", "t"].map { FieldScanner(FieldPath(steps: [.key($0)])).scan(message)[0]?.kind }
        }
        #expect(kinds == [.object, .array, .number, .true])
    }

    @Test("a path through a value of another kind finds nothing")
    func pathThroughScalar() {
        #expect(
            scan(#"{"a":"text","b":[1],"c":{"d":1}}"#, ["a", "x"], ["b", "x"], ["c", .index(0)], ["c", .last]).values == [
                nil, nil, nil, nil,
            ])
        #expect(scan("17", ["a"]).values == [nil])
    }

    @Test("the last and the second last element are found however long the array is")
    func lastElements() {
        let update = #"[320,{"a":[["1","2"]]},{"b":[],"c":"9"},"book-25","XBT/USD"]"#
        #expect(scan(update, [.secondLast], [.last], [.index(0)]).values == ["book-25", "XBT/USD", "320"])
        #expect(scan("[7]", [.secondLast], [.last]).values == [nil, "7"])
        #expect(scan("[]", [.secondLast], [.last]).values == [nil, nil])
    }

    @Test("all elements are compared, and one that differs is told")
    func allElements() throws {
        func differs(_ text: String) throws -> Bool {
            try Array(text.utf8).withUnsafeBytes { message in
                let value = try #require(FieldScanner(["data", .each, "symbol"]).scan(message)[0])
                #expect(message.text(value) == "A")
                return value.differs
            }
        }
        #expect(try differs(#"{"data":[{"symbol":"A"},{"x":1,"symbol":"A"}]}"#) == false)
        #expect(try differs(#"{"data":[{"symbol":"A"},{"symbol":"AB"}]}"#))
        #expect(try differs(#"{"data":[{"symbol":"A"},{},{"symbol":"B"}]}"#))
        #expect(scan(#"{"data":[]}"#, ["data", .each, "symbol"]).values == [nil])
    }

    @Test("all elements of arrays in arrays are compared")
    func nestedElements() {
        func differs(_ text: String) -> Bool? {
            Array(text.utf8).withUnsafeBytes { FieldScanner(["e", .each, "t", .each, "p"], strict: true).scan($0)[0]?.differs }
        }
        #expect(differs(#"{"e":[{"t":[{"p":"A"},{"p":"A"}]},{"t":[]},{"t":[{"p":"A"}]}]}"#) == false)
        #expect(differs(#"{"e":[{"t":[{"p":"A"}]},{"t":[{"p":"B"}]}]}"#) == true)
        #expect(differs(#"{"e":[{"t":[{"p":"A"},{"p":"B"}]}]}"#) == true)
        #expect(differs(#"{"e":[{"t":[]}]}"#) == nil)
    }

    @Test("the start of a value is enough to know that it is there")
    func startOnly() {
        Array(#"{"a":1,"data": [this is not read"#.utf8).withUnsafeBytes { message in
            let scan = FieldScanner(.start(of: ["data"]), ["a"]).scan(message)
            #expect(scan.problem == nil)
            #expect(scan[0]?.kind == .array)
            #expect(scan[0]?.range == 15..<15)
        }
        #expect(scan(#"{"a":{"b":1}}"#, .start(of: ["a"]), ["a", "b"]).values == ["", "1"])
        #expect(scan(#"{"a":x}"#, .start(of: ["a"])).problem == .unexpectedByte)
    }

    @Test("the scan stops when everything is found")
    func stopsEarly() {
        #expect(scan(#"{"a":1,"b":2, this is no JSON"#, ["b"], ["a"]).problem == nil)
        #expect(scan(#"{"a":1,"b":2, this is no JSON"#, ["b"], ["c"]).problem == .unexpectedByte)
        #expect(scan(#"{"a":1,"b":2, this is no JSON"#, ["b"], ["a"], strict: true).problem == .unexpectedByte)
    }

    @Test("the first of equal keys counts")
    func equalKeys() {
        #expect(scan(#"{"a":1,"a":2}"#, ["a"], strict: true).values == ["1"])
    }

    @Test("keys and values with escapes are decoded before they are compared")
    func escapes() {
        #expect(scan(#"{"\u0073\u002fx":"\u00e9\ud83d\ude00\n\/"}"#, ["s/x"]).values == ["\u{E9}\u{1F600}\n/"])
        #expect(scan(#"{"a\\":1,"a\"":2}"#, ["a\\"], ["a\""]).values == ["1", "2"])
        #expect(scan(#"{"s":"\ud83d x"}"#, ["s"]).values == ["\u{FFFD} x"])
    }

    @Test(
        "what is malformed where it is read is refused",
        arguments: [
            (#"{"a" 1}"#, ScanProblem.unexpectedByte), (#"{a:1}"#, .unexpectedByte), (#"{"a":1 "b":2}"#, .unexpectedByte),
            (#"{"a":1,}"#, .unexpectedByte), (#"{"a":[1,2}"#, .unexpectedByte), (#"{"a":{"b":1]}"#, .unexpectedByte),
            (#"{"a":"\x"}"#, .badString), (#"{"a":"\u00g0"}"#, .badString), ("{\"a\":\"\n\"}", .badString), (#"{"b":01}"#, .badNumber),
            (#"{"b":-}"#, .badNumber), (#"{"b":1.}"#, .badNumber), (#"{"b":1e}"#, .badNumber), (#"{"b":1x}"#, .badNumber),
            (#"{"b":nul}"#, .badLiteral), (#"{"b":truex}"#, .badLiteral), (#"{"a":1} x"#, .trailingBytes), ("pong", .unexpectedByte),
            ("", .unexpectedEnd), ("  ", .unexpectedEnd), (#"{"a":"x"#, .unexpectedEnd), ("{\"a\":\u{1}1}", .unexpectedByte),
        ])
    func refusesMalformed(text: String, problem: ScanProblem) {
        // The field "b" is read, "a" only passed over, "z" makes the scan go to the end.
        #expect(scan(text, ["b"], ["z"]).problem == problem)
        #expect(scan(text, ["b"], ["z"], strict: true).problem == problem)
    }

    @Test("strict scans refuse text that is not UTF-8 and values nobody asked for")
    func strictRefusesMore() {
        let bytes: [UInt8] = Array(#"{"a":""#.utf8) + [0xC3, 0x28] + Array(#"","b":1}"#.utf8)
        bytes.withUnsafeBytes { message in
            #expect(FieldScanner(["b"]).scan(message).problem == nil)
            #expect(FieldScanner(["b"], strict: true).scan(message).problem == .badText)
        }
        #expect(scan(#"{"a":[1 2],"b":1}"#, ["b"]).problem == nil)
        #expect(scan(#"{"a":[1 2],"b":1}"#, ["b"], strict: true).problem == .unexpectedByte)
    }

    @Test("deep nesting is refused, not followed", arguments: [true, false])
    func deepNesting(strict: Bool) {
        let levels = 100_000
        let text = #"{"a":"# + String(repeating: "[", count: levels) + String(repeating: "]", count: levels) + #","b":1}"#
        #expect(scan(text, ["b"], strict: strict).problem == .tooDeep)
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(scan(#"{"a":\#(nested(63)),"b":1}"#, ["b"], ["c"], strict: strict).problem == nil)
        #expect(scan(#"{"a":\#(nested(64)),"b":1}"#, ["b"], ["c"], strict: strict).problem == .tooDeep)
    }

    @Test("every truncation is refused, or all was found before the cut", arguments: [true, false])
    func truncations(strict: Bool) {
        let text = #"{"channel":"tr\u00e9de","type":[1,-2.5e+3,true,null,{"x":"\\"}],"data":[{"symbol":"BTC/USD"},{"symbol":"BTC/USD"}]}"#
        let scanner = FieldScanner(paths: [["channel"], ["data", .each, "symbol"]], strict: strict)
        let bytes = Array(text.utf8)
        for count in bytes.indices {
            // A copy of exactly the cut length, so that a read beyond it is one beyond the allocation.
            let cut = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
            defer { cut.deallocate() }
            cut.copyBytes(from: bytes[..<count])
            let found = scanner.scan(UnsafeRawBufferPointer(cut))
            let isComplete = found[0] != nil && found[1] != nil && count >= bytes.count - 1
            #expect(found.problem == .unexpectedEnd || (!strict && isComplete), "cut at \(count)")
        }
    }

    @Test("paths are read from the notation of configuration files")
    func pathNotation() throws {
        #expect(try FieldPath(parsing: "data.symbol") == ["data", "symbol"])
        #expect(try FieldPath(parsing: "data[].s") == ["data", .each, "s"])
        #expect(try FieldPath(parsing: "data[0][12].s") == ["data", .index(0), .index(12), "s"])
        #expect(try FieldPath(parsing: "[-1]") == [.last])
        #expect(try FieldPath(parsing: "x[-2]") == ["x", .secondLast])
        for wrong in ["", "a..b", "a[", "a[x]", "a]", "a[-1].b", "a.b.c.d.e.f.g"] {
            #expect(throws: DialectError.self) { try FieldPath(parsing: wrong) }
        }
    }
}
