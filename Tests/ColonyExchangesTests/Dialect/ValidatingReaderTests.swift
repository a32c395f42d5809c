import ColonyExchanges
import Testing

@Suite("Validation of whole packets")
struct ValidatingReaderTests {
    private func read(_ text: String, _ validation: ExchangeProfile.Validation, _ id: String = "binance") throws -> Reading {
        var dialect = try Exchanges.dialect(id)
        dialect.profile.validation = validation
        var reader = dialect.openReader()
        return Array(text.utf8).withUnsafeBytes { reader.read($0, isText: true) }
    }

    @Test("a packet broken behind its stream's name is refused only where validation is strict")
    func broken() throws {
        let text = #"{"stream":"btcusdt@trade","data":{"p":01}}"#
        guard case .packet = try read(text, .lenient) else {
            Issue.record("a lenient reader stops at the stream's name")
            return
        }
        #expect(try read(text, .strict) == .malformed("malformed number at byte 39"))
        #expect(
            try read(#"{"stream":"btcusdt@trade","data":{"p":1}}"#, .strict)
                == read(#"{"stream":"btcusdt@trade","data":{"p":1}}"#, .lenient))
    }

    @Test("words and answers pass a strict reader, and it still learns from requests")
    func passes() throws {
        #expect(try read("pong", .strict, "okx") == .heartbeat)
        #expect(try read(#"{"result":null,"id":1}"#, .strict) == .ack(Acknowledgement(.accepted, requestID: "1")))
        var dialect = try Exchanges.dialect("kraken")
        dialect.profile.validation = .strict
        var reader = dialect.openReader()
        for var request in dialect.subscribe([Topic("book.25", "BTC/USD")], firstID: 1) { reader.prepare(&request) }
        let topic = Array(#"{"channel":"book","data":[{"symbol":"BTC/USD"}]}"#.utf8).withUnsafeBytes { message -> Topic? in
            guard case .packet(let route) = reader.read(message, isText: true) else { return nil }
            return reader.topic(of: route, in: message)
        }
        #expect(topic == Topic("book.25", "BTC/USD"))
    }
}
