import Testing

@testable import WebSocketClient

@Suite struct DeflateAgreementTests {
    private static func agree(_ header: String, _ offer: DeflateOffer = DeflateOffer()) throws -> DeflateAgreement {
        let extensions = try WebSocketExtension.parse(header)
        return try DeflateAgreement(answer: #require(extensions.first), to: offer)
    }

    private static func offer(_ change: (inout DeflateOffer) -> Void) -> DeflateOffer {
        var offer = DeflateOffer()
        change(&offer)
        return offer
    }

    @Test("The offer says what it asks for")
    func writesOffers() {
        #expect(DeflateOffer().headerValue == "permessage-deflate; client_max_window_bits")
        let full = Self.offer {
            $0.serverNoContextTakeover = true
            $0.clientNoContextTakeover = true
            $0.serverMaxWindowBits = 10
            $0.clientMaxWindowBits = 9
        }
        #expect(
            full.headerValue
                == "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9"
        )
    }

    @Test("Valid answers are read, in any case, quoted or not")
    func readsAnswers() throws {
        #expect(try Self.agree("permessage-deflate") == Self.expected())
        #expect(try Self.agree("Permessage-Deflate; Server_No_Context_Takeover") == Self.expected { $0.serverKeepsContext = false })
        #expect(try Self.agree("permessage-deflate;client_no_context_takeover") == Self.expected { $0.clientKeepsContext = false })
        #expect(try Self.agree("permessage-deflate; server_max_window_bits=8") == Self.expected { $0.serverWindowBits = 8 })
        #expect(try Self.agree("permessage-deflate ; client_max_window_bits = \"11\"") == Self.expected { $0.clientWindowBits = 11 })
    }

    private static func expected(_ change: (inout DeflateAgreement) -> Void = { _ in }) throws -> DeflateAgreement {
        var agreement = try DeflateAgreement(answer: WebSocketExtension(name: "permessage-deflate", parameters: []), to: DeflateOffer())
        change(&agreement)
        return agreement
    }

    @Test(
        "Answers that RFC 7692 does not allow are refused",
        arguments: [
            "permessage-deflate; unknown", "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover=true",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover", "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=7", "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=08",
            "permessage-deflate; server_max_window_bits=+9", "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=0",
            "permessage-deflate; client_max_window_bits=9; client_max_window_bits=9", "permessage-deflate; server_max_window_bits=x",
        ]
    )
    func refusesAnswers(header: String) {
        #expect(throws: ExtensionError.self) { try Self.agree(header) }
    }

    @Test("An answer may not go beyond the offer, nor leave out what was asked")
    func holdsServersToTheOffer() throws {
        let small = Self.offer { $0.serverMaxWindowBits = 10 }
        #expect(try Self.agree("permessage-deflate; server_max_window_bits=9", small).serverWindowBits == 9)
        #expect(throws: ExtensionError.self) { try Self.agree("permessage-deflate; server_max_window_bits=11", small) }
        #expect(throws: ExtensionError.self) { try Self.agree("permessage-deflate", small) }
        let fresh = Self.offer { $0.serverNoContextTakeover = true }
        #expect(throws: ExtensionError.self) { try Self.agree("permessage-deflate", fresh) }
        let narrow = Self.offer { $0.clientMaxWindowBits = 10 }
        #expect(try Self.agree("permessage-deflate", narrow).clientWindowBits == 10)
        #expect(throws: ExtensionError.self) { try Self.agree("permessage-deflate; client_max_window_bits=12", narrow) }
        let forgetful = Self.offer { $0.clientNoContextTakeover = true }
        #expect(try !Self.agree("permessage-deflate", forgetful).clientKeepsContext)
    }

    @Test(
        "Headers that are no list of extensions are refused",
        arguments: ["permessage-deflate; =1", "a b", "a; b=\"", "a; b=\"\"", "a;", "; a", "a; b=c d", "a=1"])
    func refusesGrammar(header: String) {
        #expect(throws: ExtensionError.self) { try WebSocketExtension.parse(header) }
    }

    @Test("Lists are taken apart")
    func parsesLists() throws {
        let parsed = try WebSocketExtension.parse(" a; x; y=1 ,, b ;z=\"q\\r\" ")
        #expect(parsed.map(\.name) == ["a", "b"])
        #expect(parsed[0].parameters.map(\.name) == ["x", "y"] && parsed[0].parameters.map(\.value) == [nil, "1"])
        #expect(parsed[1].parameters.map(\.value) == ["qr"])
        #expect(try WebSocketExtension.parse("").isEmpty)
    }
}
