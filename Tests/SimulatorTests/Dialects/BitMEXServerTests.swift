import Testing

@testable import Simulator

@Suite struct BitMEXServerTests {
    @Test("topics in the address are answered for one by one behind the greeting, and refused with words")
    func address() throws {
        var bench = SessionBench("bitmex", query: [("subscribe", "trade:XBTUSD,trade:NOPE,chat:XBTUSD,:,quote:XBTUSD")])
        let actions = bench.open()
        #expect(actions.subscribed.map(\.key) == ["trade:XBTUSD", "quote:XBTUSD"])
        let answers = try actions.texts.map { try JSONValue(parsing: $0) }
        #expect(answers.count == 6)
        #expect(answers[0]["info"] != nil)
        #expect(answers.map { $0["subscribe"]?.string } == [nil, "trade:XBTUSD", nil, nil, nil, "quote:XBTUSD"])
        #expect(answers[2]["error"]?.string == "Unknown or expired symbol.")
        #expect(answers[2]["request"]?["args"]?.strings == ["trade:NOPE"])
        #expect(answers[3]["error"]?.string == "Unknown table: chat")
        #expect(answers[4]["error"]?.string == "Unknown table: ")
    }

    @Test("twenty topics are as many as one request may name, in the address as in a message")
    func tooMany() throws {
        let names = (0..<21).map { "trade:X\($0)" }
        var bench = SessionBench("bitmex", query: [("subscribe", names.joined(separator: ","))])
        let opened = bench.open()
        #expect(opened.subscribed.isEmpty)
        #expect(try JSONValue(parsing: opened.texts.last ?? "")["error"]?.string == "Too many args sent. Max length is 20")
        let args = names.map { "\"\($0)\"" }.joined(separator: ",")
        let answered = bench.receive(#"{"op":"subscribe","args":[\#(args)]}"#)
        #expect(try JSONValue(parsing: answered.texts.last ?? "")["error"]?.string == "Too many args sent. Max length is 20")
        #expect(bench.receive(#"{"op":"subscribe","args":[":"]}"#).texts.count == 1)
    }
}
