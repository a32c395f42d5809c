internal import Glibc
internal import NIOCore

/// A TCP port of 127.0.0.1 that nobody listens on, below the range the system takes ports for outgoing connections from, so that a server which
/// restarts finds it free. Somebody else may still take it first: start again with another one then.
package func freePort() throws -> Int {
    for _ in 0..<100 {
        let port = Int.random(in: 12_000..<32_000)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw FaultInjectionError(.system, "no socket: errno \(errno)") }
        defer { close(descriptor) }
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: port)
        let bound = address.withSockAddr { bind(descriptor, $0, socklen_t($1)) }
        if bound == 0 { return port }
    }
    throw FaultInjectionError(.system, "no free port in 100 tries")
}
