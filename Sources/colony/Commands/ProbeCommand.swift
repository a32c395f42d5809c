import ArgumentParser
import Cluster
import NIOCore
import NIOPosix
import WebSocketClient

struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "Ask the supervisor of this host whether it is ready (exit code 0) or not (1); for containers.",
        discussion: "Asks /readyz at `dashboard.listen`, with --alive /healthz.")

    @OptionGroup var common: CommonOptions

    @Flag(name: .long, help: "Only whether it answers at all.")
    var alive = false

    func run() async throws {
        let configuration = try common.load().configuration
        guard let address = configuration.dashboard.listen else {
            throw ClusterError(.configuration, "dashboard.listen is off, so there is nobody to ask")
        }
        let host = ["0.0.0.0", "::"].contains(address.host) ? "127.0.0.1" : address.host
        let url = "http://\(host.contains(":") ? "[\(host)]" : host):\(address.port)\(alive ? "/healthz" : "/readyz")"
        var webSocket = WebSocketConfiguration(url: url)
        webSocket.connectTimeout = .seconds(3)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: [UInt8].self)
        let settings = webSocket
        loop.execute {
            _ = HTTPCall.perform(HTTPCall.Request(method: "GET", url: url), like: settings, on: loop) {
                promise.completeWith($0.mapError { $0 as any Error })
            }
        }
        do {
            Console.print(String(decoding: try await promise.futureResult.get(), as: UTF8.self).trimmingNewline)
        } catch {
            throw ClusterError(.refused, "\(alive ? "/healthz" : "/readyz") of the supervisor here: \(error)")
        }
    }
}

extension String {
    fileprivate var trimmingNewline: String { hasSuffix("\n") ? String(dropLast()) : self }
}
