import NIOCore
import Testing

@testable import WebSocketClient

/// One case after the manner of the Autobahn specification: what the server sends, what an echoing client must answer, and how it must end.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
    enum End: Sendable {
        /// The server closes with 1000 after the answers, and the client echoes the code.
        case clean
        /// The server's bytes end with a close frame, which the client answers with this code; nil: with an empty frame.
        case answered(UInt16?)
        /// The client fails the connection with this code.
        case failed(UInt16)
    }

    struct Answer: Sendable, Equatable {
        var opcode: UInt8
        var payload: [UInt8]

        static func text(_ text: String) -> Answer { Answer(opcode: 1, payload: Array(text.utf8)) }
        static func binary(_ bytes: [UInt8]) -> Answer { Answer(opcode: 2, payload: bytes) }
        static func pong(_ text: String) -> Answer { Answer(opcode: 10, payload: Array(text.utf8)) }
    }

    var id: String
    var bytes: [UInt8]
    var answers: [Answer]
    var end: End
    /// How many bytes go out in one write.
    var chunk: Int

    var testDescription: String { id }

    init(_ id: String, _ frames: [[UInt8]], answers: [Answer] = [], end: End = .clean, chunk: Int = .max) {
        self.id = id
        bytes = frames.flatMap { $0 }
        self.answers = answers
        self.end = end
        self.chunk = chunk
    }

    /// Plays the case against an echoing client.
    func play() async throws {
        try await ScriptedPeer.run { peer in
            try await peer.upgrade()
            // The client may rightly close before all is written; what it wrote is then judged below.
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try? await peer.drip(bytes, chunk: min(chunk, max(1, bytes.count))) }
                for answer in answers {
                    let frame = try await peer.readFrame()
                    #expect(frame.isMasked && frame.first == 0x80 | answer.opcode && frame.payload == answer.payload, "\(id)")
                }
                if case .clean = end {
                    try await group.waitForAll()
                    try await peer.write(Frame.close(1000))
                }
                let close = try await peer.readFrame()
                let code: UInt16? =
                    switch end {
                    case .clean: 1000
                    case .answered(let code): code
                    case .failed(let code): code
                    }
                #expect(close.opcode == 8 && close.isMasked, "\(id)")
                #expect(
                    close.payload.prefix(2).elementsEqual(code.map { [UInt8($0 >> 8), UInt8($0 & 0xff)] } ?? []), "\(id): \(close.payload)")
                peer.finish()
            }
            await peer.waitForEnd()
        } body: { port in
            let client = try await Client.open(WebSocketConfiguration(url: "ws://127.0.0.1:\(port)/")) { connection, listener in
                listener.react = { event in
                    if case .message(let kind, let bytes) = event { connection.send(kind, ByteBuffer(bytes: bytes), promise: nil) }
                }
            }
            let last = await client.rest().last
            switch (end, last) {
            case (.failed(let code), .closed(.violation(let seen, _))): #expect(code == seen, "\(id)")
            case (.clean, .closed(.closedByPeer(1000, _))): break
            case (.answered(let code), .closed(.closedByPeer(let seen, _))): #expect(code ?? 1005 == seen, "\(id)")
            default: Issue.record("\(id) ended with \(String(describing: last))")
            }
        }
    }
}
