internal import NIOCore
internal import NIOSSL
internal import Synchronization
internal import TransportSecurity

/// One TLS context per trust configuration, kept for the process: loading the system's roots costs more than a handshake.
enum TLSContexts {
    private struct Key: Hashable {
        var roots: WebSocketConfiguration.Roots
        /// Of a file of roots, so that a new file is noticed.
        var stamp: FileStamp

        init(_ roots: WebSocketConfiguration.Roots) {
            self.roots = roots
            stamp = if case .file(let path) = roots { FileStamp(path: path) } else { FileStamp(path: nil) }
        }
    }

    private static let cache = Mutex<[Key: NIOSSLContext]>([:])
    /// Held while a context is made: many feeds that start together load the roots once.
    private static let making = Mutex(())

    /// The context if it is there already.
    static func known(for roots: WebSocketConfiguration.Roots) -> NIOSSLContext? {
        let key = Key(roots)
        return cache.withLock { $0[key] }
    }

    /// Reads files: call it off the event loop.
    /// - Throws: `.tls` naming the file that cannot be used.
    static func context(for roots: WebSocketConfiguration.Roots) throws(WebSocketConnectError) -> NIOSSLContext {
        let result = making.withLock { _ in
            Result { () throws(WebSocketConnectError) in
                if let known = known(for: roots) { return known }
                let key = Key(roots)
                let context = try make(roots)
                cache.withLock { cache in
                    for old in cache.keys where old.roots == roots { cache[old] = nil }
                    cache[key] = context
                }
                return context
            }
        }
        return try result.get()
    }

    private static func make(_ roots: WebSocketConfiguration.Roots) throws(WebSocketConnectError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        configuration.shutdownTimeout = .seconds(1)
        switch roots {
        case .system: break
        case .file(let path): configuration.trustRoots = .certificates(try certificates(path))
        case .insecure: configuration.certificateVerification = .none
        }
        do { return try NIOSSLContext(configuration: configuration) } catch {
            throw WebSocketConnectError(.tls, "TLS could not be set up with the roots \(roots): \(error)")
        }
    }

    private static func certificates(_ path: String) throws(WebSocketConnectError) -> [NIOSSLCertificate] {
        let certificates: [NIOSSLCertificate]
        do { certificates = try NIOSSLCertificate.fromPEMFile(path) } catch {
            throw WebSocketConnectError(.tls, "The trusted roots, \(path), cannot be read as a PEM file of certificates: \(error)")
        }
        guard !certificates.isEmpty else { throw WebSocketConnectError(.tls, "The trusted roots, \(path), hold no certificate") }
        return certificates
    }

    /// A client's end of TLS.
    /// - Parameter name: for SNI and verification; nil verifies the address connected to.
    static func handler(_ context: NIOSSLContext, name: String?, roots: WebSocketConfiguration.Roots) throws -> NIOSSLClientHandler {
        guard roots != .insecure else { return try NIOSSLClientHandler(context: context, serverHostname: name) }
        return try ServerName.tlsHandler(context: context, name: name)
    }

    /// What went wrong in a handshake, in words an operator can act on.
    /// - Parameters:
    ///   - certificate: what the server showed, if it came to that.
    ///   - name: what it was asked for.
    ///   - now: seconds since 1970.
    static func explain(_ error: any Error, certificate: NIOSSLCertificate?, name: String, now: Int64) -> String {
        switch error {
        case let mismatch as ServerNameMismatch:
            return "\(mismatch)"
        case let extra as NIOSSLExtraError where extra == .failedToValidateHostname:
            let names = certificate.map { CertificateNames.all(of: $0) } ?? []
            return "\(ServerNameMismatch(expected: name, certified: names))"
        case NIOSSLError.unableToValidateCertificate:
            return "its certificate is for another host or address"
        case NIOSSLError.handshakeFailed(let cause):
            let text = "\(cause)"
            if text.contains("CERTIFICATE_VERIFY_FAILED") {
                let fault = certificate.map { "\(CertificateFault(of: $0, now: now))" } ?? "its certificate is from an unknown authority"
                return "its certificate is not trusted: \(fault)"
            }
            if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
                return "it does not speak TLS on this port (\(text))"
            }
            return text
        default:
            return ErrorWords.of(error)
        }
    }
}
