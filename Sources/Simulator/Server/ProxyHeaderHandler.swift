internal import NIOCore

/// Reads the line by which a proxy tells whose connection it passes on (PROXY protocol, version 1:
/// haproxy.org/download/1.8/doc/proxy-protocol.txt), e.g. `PROXY TCP4 10.0.0.7 10.0.0.2 41000 9443`. Everything behind it passes untouched.
final class ProxyHeaderHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// The longest line the protocol allows, its end included.
    private static let limit = 107

    private enum State {
        case reading(ByteBuffer)
        case done
    }

    private var state = State.reading(ByteBuffer())
    /// Address and port of the client, `10.0.0.7:41000`; nil until they are known.
    private(set) var client: String?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .reading(var buffer) = state else { return context.fireChannelRead(data) }
        buffer.writeImmutableBuffer(unwrapInboundIn(data))
        guard let end = buffer.readableBytesView.prefix(Self.limit).firstIndex(of: UInt8(ascii: "\n")) else {
            state = .reading(buffer)
            if buffer.readableBytes >= Self.limit { refuse(context) }
            return
        }
        let line = buffer.readString(length: end + 1 - buffer.readerIndex) ?? ""
        client = Self.client(line)
        guard client != nil else { return refuse(context) }
        state = .done
        if buffer.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(buffer)) }
    }

    /// Nil for what is no such line.
    static func client(_ line: String) -> String? {
        guard line.hasSuffix("\r\n") else { return nil }
        let words = line.dropLast(1).split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 6, words[0] == "PROXY", words[1] == "TCP4" || words[1] == "TCP6" else { return nil }
        guard !words[2].isEmpty, let port = UInt16(words[4]) else { return nil }
        return words[1] == "TCP6" ? "[\(words[2])]:\(port)" : "\(words[2]):\(port)"
    }

    private func refuse(_ context: ChannelHandlerContext) {
        state = .done
        context.close(promise: nil)
    }
}
