import Simulator
import Testing

@Suite struct JSONValueTests {
    @Test(
        "a valid text is parsed and printed compactly",
        arguments: [
            (#"{"a":1,"b":[true,false,null]}"#, #"{"a":1,"b":[true,false,null]}"#), (#" [ 1.5e-3 , -0 ] "#, "[1.5e-3,-0]"),
            (#""A\n\"\ud83d\ude00""#, #""A\n\"😀""#), ("[]", "[]"), ("{}", "{}"),
        ])
    func valid(text: String, printed: String) throws {
        #expect(try JSONValue(parsing: text).text == printed)
    }

    @Test(
        "what is not JSON is refused",
        arguments: [
            "", "{", "[1,]", "{\"a\" 1}", "{'a':1}", "01", "1.", "+1", "nul", "[1] 2", "\"\u{1}\"", #""\ud83d""#, #""\u+123""#, "1e",
            String(repeating: "[", count: 100) + String(repeating: "]", count: 100),
        ])
    func invalid(text: String) {
        #expect(throws: JSONParser.Failure.self) { try JSONValue(parsing: text) }
    }

    @Test("members are found by name, and numbers keep their text")
    func members() throws {
        let value = try JSONValue(parsing: #"{"id":12345678901234567890,"list":["a","b"],"n":7}"#)
        #expect(value["id"]?.text == "12345678901234567890")
        #expect(value["list"]?.strings == ["a", "b"])
        #expect(value["n"]?.integer == 7)
        #expect(value["none"] == nil)
    }
}
