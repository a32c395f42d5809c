import Testing

@testable import Simulator

@Suite struct RecordingTests {
    private func recording(_ text: String, packing: ServerRules.Packing = .none) throws -> Recording {
        try Recording(text: Array(text.utf8), path: "test.jsonl", packing: packing)
    }

    @Test("received messages are kept in order with the time since the first")
    func messages() throws {
        let recording = try recording(
            #"""
            {"t":"connect","ts":10.0,"addr":"wss://example"}
            {"t":"send","ts":10.1,"data":"hello"}
            {"t":"recv","ts":10.5,"data":"a\"b"}
            {"t":"recv","data":"c"}
            {"t":"recv","ts":11.75,"b64":"AAEC/w=="}

            """#)
        #expect(recording.messages.map(\.bytes) == [Array("a\"b".utf8), Array("c".utf8), [0, 1, 2, 255]])
        #expect(recording.messages.map(\.offset) == [.zero, .zero, .milliseconds(1250)])
        #expect(recording.messages.map(\.isBinary) == [false, false, true])
    }

    @Test("a recorded gzip frame is hashed as the client sees it")
    func packed() throws {
        // gzip of "hello" with a stored block.
        let recording = try recording(#"{"t":"recv","b64":"H4sIAAAAAAACA8tIzcnJBwCGphA2BQAAAA=="}"#, packing: .gzip)
        #expect(recording.messages[0].isPacked)
        #expect(recording.messages[0].plainBytes == 5)
        #expect(recording.messages[0].plainHash == FNV1a.hash("hello".utf8))
    }

    @Test(
        "what is not in the layout is refused with the line's number",
        arguments: [
            "{\"t\":\"recv\",\"data\":\"a\"}\nnot json", "{\"t\":\"recv\",\"data\":\"a\"}\n{\"t\":\"other\"}",
            "{\"t\":\"recv\",\"data\":\"a\"}\n{\"t\":\"recv\"}", "{\"t\":\"recv\",\"data\":\"a\"}\n{\"t\":\"recv\",\"b64\":\"AAE\"}",
        ])
    func broken(text: String) {
        let error = #expect(throws: SimulatorError.self) { try recording(text) }
        #expect(error?.description.contains("line 2") == true)
    }

    @Test("a file without received messages, and one that is not there, are refused")
    func empty() {
        #expect(throws: SimulatorError.self) { try recording(#"{"t":"send","data":"a"}"#) }
        let error = #expect(throws: SimulatorError.self) { try Recording(path: "/nonexistent.jsonl", packing: .none) }
        #expect(error?.code == .file)
    }

    @Test(
        "base64 is decoded",
        arguments: [("", []), ("Zg==", [0x66]), ("Zm8=", [0x66, 0x6F]), ("Zm9v", [0x66, 0x6F, 0x6F])] as [(String, [UInt8])])
    func base64(text: String, bytes: [UInt8]) {
        #expect(Base64.decode(text) == bytes)
        #expect(Base64.decode(text + "=") == nil)
    }
}
