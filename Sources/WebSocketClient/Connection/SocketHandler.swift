internal import NIOCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The first handler of the pipeline, in front of TLS: reaches the socket itself, so that an end need not wait for TLS' good-byes.
final class SocketHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Closes the socket: what the kernel has is still sent, then FIN.
    func close() { context?.close(promise: nil) }

    /// Closes the socket with a reset: nothing unsent is kept, nobody is waited for.
    func reset() {
        guard let context else { return }
        // A socket that is closed already has no options, and needs none.
        if let provider = context.channel as? any SocketOptionProvider, context.channel.isActive {
            provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenFailure { _ in }
        }
        context.close(promise: nil)
    }
}
