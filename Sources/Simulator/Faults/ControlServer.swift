internal import ColonyExchanges
internal import NIOCore
internal import NIOPosix

/// Takes `ControlCommand`s, one per line, and answers each with one line.
final class ControlHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A longer line ends the connection.
    private static let lineLimit = 4096

    private let core: SimulatorCore
    private var pending = ByteBuffer()

    init(core: SimulatorCore) { self.core = core }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        pending.writeBuffer(&part)
        while let end = pending.readableBytesView.firstIndex(of: 0x0A) {
            let line = pending.readString(length: end - pending.readerIndex) ?? ""
            pending.moveReaderIndex(forwardBy: 1)
            reply(answer(line.hasSuffix("\r") ? String(line.dropLast()) : line), context)
        }
        pending.discardReadBytes()
        if pending.readableBytes > Self.lineLimit {
            reply("error a line of more than \(Self.lineLimit) bytes", context)
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func reply(_ text: String, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text + "\n")), promise: nil)
    }

    private func answer(_ line: String) -> String {
        let command: ControlCommand
        do { command = try ControlCommand(parsing: line) } catch { return "error \(error)" }
        switch command {
        case .help: return ControlHelp.text
        case .status:
            let counts = Dictionary(grouping: core.openSockets(), by: \.exchange).mapValues(\.count)
            let ids = core.exchanges.keys.sorted()
            let faults = ids.map { (id: $0, list: core.standingFaults(of: $0).list) }.filter { !$0.list.isEmpty }
            return
                (["ok " + ids.map { "\($0)=\(counts[$0] ?? 0)" }.joined(separator: " ")]
                + faults.map { "\($0.id): \($0.list.joined(separator: ", "))" }).joined(separator: "; ")
        case .sockets(let exchange):
            let sockets = core.openSockets().filter { exchange == "*" || $0.exchange == exchange }
            return (["ok"] + sockets.map { "\($0.number):\($0.exchange)" }).joined(separator: " ")
        case .fault(let fault, let exchange, let socket):
            guard exchange == "*" || core.exchanges[exchange] != nil else { return "error the exchange '\(exchange)' is not served here" }
            return "ok reached \(core.inject(fault, exchange: exchange, socket: socket, command: line).of("socket"))"
        }
    }
}

/// Where commands are taken.
enum ControlServer {
    static func start(
        _ control: SimulatorConfiguration.Control, core: SimulatorCore, group: any EventLoopGroup
    ) async throws -> (any Channel)? {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(ControlHandler(core: core)) }
            }
        switch control {
        case .none: return nil
        case .loopback(let port):
            do {
                return try await bootstrap.bind(host: "127.0.0.1", port: port).get()
            } catch {
                throw SimulatorError(cannotBind: "take commands at 127.0.0.1:\(port)", error)
            }
        case .unix(let path):
            if await isListening(path, group: group) {
                throw SimulatorError(.bind, "cannot take commands at \(path): another simulator listens there")
            }
            // What is left is the file of a simulator that was killed; anything but a socket file is kept, and the bind fails.
            do {
                return try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
            } catch {
                throw SimulatorError(cannotBind: "take commands at \(path)", error)
            }
        }
    }

    private static func isListening(_ path: String, group: any EventLoopGroup) async -> Bool {
        do {
            let channel = try await ClientBootstrap(group: group).connect(unixDomainSocketPath: path).get()
            channel.close(promise: nil)
            return true
        } catch {
            // Nobody listens: that is the answer.
            return false
        }
    }
}
