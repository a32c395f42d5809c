internal import NIOCore
internal import NIOSSL
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// One TLS context per trust configuration, kept for the process: loading the system's roots costs more than a handshake.
enum TLSContexts {
    private struct Key: Hashable {
        var roots: WebSocketConfiguration.Roots
        /// Inode, size and time of change of a file of roots, so that a new file is noticed.
        var version: [Int]
    }

    private static let cache = Mutex<[Key: NIOSSLContext]>([:])

    /// - Throws: what NIOSSL throws for unreadable roots.
    static func context(for roots: WebSocketConfiguration.Roots) throws -> NIOSSLContext {
        let key = Key(roots: roots, version: version(of: roots))
        if let known = cache.withLock({ $0[key] }) { return known }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        configuration.shutdownTimeout = .seconds(1)
        switch roots {
        case .system: break
        case .file(let path): configuration.trustRoots = .file(path)
        case .insecure: configuration.certificateVerification = .none
        }
        let context = try NIOSSLContext(configuration: configuration)
        cache.withLock { cache in
            for old in cache.keys where old.roots == roots { cache[old] = nil }
            cache[key] = context
        }
        return context
    }

    private static func version(of roots: WebSocketConfiguration.Roots) -> [Int] {
        guard case .file(let path) = roots else { return [] }
        var status = stat()
        // A file that is not there is reported by name when it is loaded.
        guard stat(path, &status) == 0 else { return [] }
        return [Int(status.st_ino), Int(status.st_size), Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec)]
    }

    /// What went wrong in a handshake, in words an operator can act on.
    static func explain(_ error: any Error) -> String {
        switch error {
        case let extra as NIOSSLExtraError where extra == .failedToValidateHostname:
            return "its certificate is for another host name (\(extra))"
        case NIOSSLError.unableToValidateCertificate:
            return "its certificate is for another host or address"
        case NIOSSLError.handshakeFailed(let cause):
            let text = "\(cause)"
            if text.contains("CERTIFICATE_VERIFY_FAILED") {
                return
                    "its certificate is not trusted: expired, not yet valid, self-signed or from an authority that is not among the roots"
            }
            if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
                return "it does not speak TLS on this port (\(text))"
            }
            return text
        default:
            return "\(error)"
        }
    }
}
