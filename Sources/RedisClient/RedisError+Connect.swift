internal import NIOCore
internal import NIOPosix
internal import TransportSecurity

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

extension RedisError {
    /// Why no connection to `endpoint` came about.
    init(connecting endpoint: RedisEndpoint, cause: any Error) {
        switch cause {
        case let error as RedisError: self = error
        case let error as IOError where Self.isRefusal(error):
            self = .refused(endpoint, missingFile: error.errnoCode == ENOENT)
        case let error as NIOConnectionError where !error.connectionErrors.isEmpty:
            let causes = error.connectionErrors.map(\.error)
            // Only when every address of the host refused is it certain that nobody listens.
            if causes.allSatisfy({ ($0 as? IOError).map(Self.isRefusal) ?? false }) {
                self = .refused(endpoint, missingFile: false)
            } else if causes.contains(where: { if case .connectTimeout? = $0 as? ChannelError { true } else { false } }) {
                self = .connectTimeout(endpoint)
            } else {
                self.init(.unreachable, "cannot reach \(endpoint): \(ErrorWords.of(error)); check network, routes and firewall")
            }
        case let error as NIOConnectionError:
            self.init(.unreachable, "cannot reach \(endpoint): \(ErrorWords.of(error)); check the host name and DNS")
        case ChannelError.connectTimeout: self = .connectTimeout(endpoint)
        default: self.init(.unreachable, "cannot connect to \(endpoint): \(ErrorWords.of(cause))")
        }
    }

    private static func isRefusal(_ error: IOError) -> Bool {
        error.errnoCode == ECONNREFUSED || error.errnoCode == ENOENT
    }

    private static func refused(_ endpoint: RedisEndpoint, missingFile: Bool) -> RedisError {
        let what = missingFile ? "there is no such socket file" : "connection refused"
        return RedisError(.refused, "nobody listens at \(endpoint): \(what); start redis-server there or correct the address")
    }

    private static func connectTimeout(_ endpoint: RedisEndpoint) -> RedisError {
        RedisError(.timeout, "\(endpoint) did not accept a connection in time; check that it runs and that no firewall drops packets")
    }
}
