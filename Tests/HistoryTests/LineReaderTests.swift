import Foundation
import Testing

@testable import History

@Suite struct LineReaderTests {
    private static func read(_ text: String, chunk: Int = 64) throws -> [[String: String]] {
        try withFile(text) { path in
            let reader = try LineReader(path, chunk: chunk)
            var lines: [[String: String]] = []
            while try reader.next() { lines.append(Dictionary(reader.all.map { ($0.name, $0.value) }) { first, _ in first }) }
            return lines
        }
    }

    @Test(arguments: [3, 16, 64, 4096]) func `members are read whatever the chunks`(chunk: Int) throws {
        let text = #"{"t":"a","n":-12,"flag":true,"text":"a \"b\" \\ \n \u00e9 é"}"# + "\n\n" + #"{"t":"b"}"# + "\n{}\n"
        let lines = try Self.read(text, chunk: chunk)
        let expected = [["t": "a", "n": "-12", "flag": "true", "text": "a \"b\" \\ \n é é"], ["t": "b"], [:]]
        #expect(lines == expected)
    }

    @Test func `a last line without its end is left out and told`() throws {
        try withFile(#"{"a":1}"# + "\n" + #"{"a":2"#) { path in
            let reader = try LineReader(path)
            let first = try reader.next()
            let number = reader.integer("a")
            let second = try reader.next()
            #expect(first && number == 1 && !second && reader.isCutOff)
        }
    }

    @Test(arguments: ["[1]", "{\"a\"}", "{\"a\":}", "{\"a\":\"b}", "text"]) func `a line that is no flat object is an error`(line: String)
        throws
    {
        #expect(throws: HistoryError.self) { try Self.read(line + "\n") }
    }

    @Test func `numbers, hashes and flags are read by name`() throws {
        try withFile(#"{"fnv":"00ff00000000000a","n":"77","on":true,"off":false,"t":"x"}"# + "\n") { path in
            let reader = try LineReader(path)
            _ = try reader.next()
            let hash = reader.hash("fnv")
            let integer = reader.integer("n")
            let on = reader.flag("on")
            let off = reader.flag("off")
            let none = reader.integer("t")
            let kind = reader.is("t", "x")
            #expect(hash == 0x00ff_0000_0000_000a && integer == 77 && on == true && off == false && none == nil && kind)
        }
    }
}

/// Runs `body` with a file of that content.
func withFile<Result>(_ text: String, _ body: (String) throws -> Result) throws -> Result {
    let path = FileManager.default.temporaryDirectory.appending(path: "history-\(UUID().uuidString)").path
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
}
