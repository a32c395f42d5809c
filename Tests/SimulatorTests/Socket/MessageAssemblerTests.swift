import NIOCore
import NIOWebSocket
import Testing

@testable import Simulator

@Suite struct MessageAssemblerTests {
    private func frame(_ opcode: WebSocketOpcode, _ bytes: [UInt8], fin: Bool = true, masked: Bool = true, rsv1: Bool = false)
        -> WebSocketFrame
    {
        var data = ByteBuffer(bytes: bytes)
        let key = WebSocketMaskingKey([1, 2, 3, 4])
        if masked, let key { data.webSocketMask(key) }
        return WebSocketFrame(fin: fin, rsv1: rsv1, opcode: opcode, maskKey: masked ? key : nil, data: data)
    }

    @Test("fragments become one message, with control frames between them")
    func fragments() {
        var assembler = MessageAssembler(limit: 100)
        #expect(assembler.take(frame(.text, Array("he".utf8), fin: false)) == nil)
        #expect(assembler.take(frame(.ping, [1])) == .ping([1]))
        #expect(assembler.take(frame(.continuation, Array("llo".utf8))) == .message(.text("hello")))
    }

    @Test("what RFC 6455 forbids is a violation with its close code")
    func violations() {
        func code(_ frames: [WebSocketFrame]) -> UInt16? {
            var assembler = MessageAssembler(limit: 8)
            var last: MessageAssembler.Event?
            for frame in frames { last = assembler.take(frame) }
            if case .violation(let code, _) = last { return code } else { return nil }
        }
        #expect(code([frame(.text, [65], masked: false)]) == 1002)
        #expect(code([frame(.text, [65], rsv1: true)]) == 1002)
        #expect(code([frame(.continuation, [65])]) == 1002)
        #expect(code([frame(.text, [65], fin: false), frame(.text, [65])]) == 1002)
        #expect(code([frame(.text, [0xC3, 0x28])]) == 1007)
        #expect(code([frame(.binary, Array(repeating: 0, count: 9))]) == 1009)
        #expect(code([frame(.connectionClose, [3])]) == 1002)
        #expect(code([frame(.connectionClose, [3, 0xED])]) == 1002)
        #expect(code([frame(WebSocketOpcode(encodedWebSocketOpcode: 3)!, [])]) == 1002)
        #expect(code([frame(.connectionClose, [3, 0xE8])]) == nil)
    }
}
