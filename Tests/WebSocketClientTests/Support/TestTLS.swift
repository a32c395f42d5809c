import NIOSSL
import TestSupport

@testable import WebSocketClient

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

enum TestTLS {
    static func serverContext(_ identity: Certificates.Identity) throws -> NIOSSLContext {
        try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: [.certificate(NIOSSLCertificate(bytes: Array(identity.certificate.utf8), format: .pem))],
                privateKey: .privateKey(NIOSSLPrivateKey(bytes: Array(identity.key.utf8), format: .pem))
            )
        )
    }

    /// The test authority in a file of its own, for the time of `body`.
    static func withRoots<Value>(_ body: (WebSocketConfiguration.Roots) async throws -> Value) async throws -> Value {
        let path = try OrphanGuard.shared.makeDirectory("roots") + "/roots.pem"
        let file = try unwrap(fopen(path, "w"))
        defer { unlink(path) }
        fputs(Certificates.authority, file)
        fclose(file)
        return try await body(.file(path))
    }

    private static func unwrap(_ file: UnsafeMutablePointer<FILE>?) throws -> UnsafeMutablePointer<FILE> {
        guard let file else { throw PeerError("no file for the test authority") }
        return file
    }
}
