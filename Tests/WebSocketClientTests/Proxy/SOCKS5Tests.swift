import NIOCore
import Testing

@testable import WebSocketClient

@Suite struct SOCKS5Tests {
    private typealias Login = WebSocketConfiguration.Login

    private static func dialogue(_ host: String = "h.test", login: WebSocketConfiguration.Login? = nil) throws -> SOCKS5 {
        try SOCKS5(proxy: "p:1080", host: host, port: 443, login: login)
    }

    private static func take(_ dialogue: inout SOCKS5, _ bytes: [UInt8]) throws -> SOCKS5.Step {
        try bytes.withUnsafeBytes { try dialogue.take($0) }
    }

    @Test("Without a login the dialogue is greeting, name, answer; the name goes out unresolved")
    func connectsByName() throws {
        var dialogue = try Self.dialogue()
        #expect(dialogue.greeting == ByteBuffer(bytes: [5, 1, 0]))
        #expect(try Self.take(&dialogue, [5, 0]) == .send(ByteBuffer(bytes: [5, 1, 0, 3, 6] + Array("h.test".utf8) + [1, 187])))
        #expect(try Self.take(&dialogue, [5, 0, 0, 1, 10, 0, 0, 1, 4, 56]) == .done)
    }

    @Test("Byte by byte works as well")
    func takesBytes() throws {
        var dialogue = try Self.dialogue()
        #expect(try Self.take(&dialogue, [5]) == .needsMore)
        guard case .send = try Self.take(&dialogue, [0]) else { throw PeerError("no request") }
        for byte in [5, 0, 0, 3, 2, 0x61, 0x62, 0] as [UInt8] { #expect(try Self.take(&dialogue, [byte]) == .needsMore) }
        #expect(try Self.take(&dialogue, [80]) == .done)
    }

    @Test("Literal addresses go out as addresses")
    func connectsByAddress() throws {
        var four = try Self.dialogue("192.0.2.1")
        #expect(try Self.take(&four, [5, 0]) == .send(ByteBuffer(bytes: [5, 1, 0, 1, 192, 0, 2, 1, 1, 187])))
        var six = try Self.dialogue("2001:db8::1")
        #expect(
            try Self.take(&six, [5, 0])
                == .send(ByteBuffer(bytes: [5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 187])))
    }

    @Test("A login is given where the proxy asks for it")
    func logsIn() throws {
        var dialogue = try Self.dialogue(login: .init(user: "me", password: "pw"))
        #expect(dialogue.greeting == ByteBuffer(bytes: [5, 2, 0, 2]))
        #expect(try Self.take(&dialogue, [5, 2]) == .send(ByteBuffer(bytes: [1, 2, 0x6d, 0x65, 2, 0x70, 0x77])))
        guard case .send = try Self.take(&dialogue, [1, 0]) else { throw PeerError("no request") }
    }

    @Test("Refusals name their reason")
    func explains() throws {
        func error(_ pieces: [[UInt8]], login: WebSocketConfiguration.Login? = nil) throws -> String {
            var dialogue = try Self.dialogue(login: login)
            do { for piece in pieces { _ = try Self.take(&dialogue, piece) } } catch let error as WebSocketConnectError {
                #expect(error.code == .proxy)
                return error.description
            }
            return ""
        }
        let login = WebSocketConfiguration.Login(user: "me", password: "pw")
        #expect(try error([[4, 0]]).contains("does not speak SOCKS5"))
        #expect(try error([[0x48, 0x54]]).contains("does not speak SOCKS5"))
        #expect(try error([[5, 0xff]]).contains("wants a login"))
        #expect(try error([[5, 2]]).contains("wants a login"))
        #expect(try error([[5, 9]], login: login).contains("nobody offered"))
        #expect(try error([[5, 2], [1, 1]], login: login).contains("did not accept the login"))
        #expect(try error([[5, 0], [5, 5]]).contains("connection refused"))
        #expect(try error([[5, 0], [5, 2]]).contains("not allowed"))
        #expect(try error([[5, 0], [5, 77]]).contains("code 77"))
        #expect(try error([[5, 0], [5, 0, 0, 9, 0]]).contains("unknown address type"))
        #expect(try error([[5, 0, 1]]).contains("nobody asked for"))
        #expect(try error([[5, 0], [5, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x16]]).contains("nobody asked for"))
    }

    @Test("What SOCKS5 cannot carry is refused before anything is sent")
    func refusesLongNames() {
        #expect(throws: WebSocketConnectError.self) { try Self.dialogue(String(repeating: "a", count: 256)) }
        #expect(throws: WebSocketConnectError.self) { try Self.dialogue(login: .init(user: "", password: "x")) }
        #expect(throws: WebSocketConnectError.self) {
            try Self.dialogue(login: .init(user: "u", password: String(repeating: "p", count: 256)))
        }
    }
}
