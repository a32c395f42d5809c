internal import NIOCore
package import NIOSSL
internal import Synchronization
internal import TransportSecurity

/// One TLS context per configuration, made once: loading roots costs more than a handshake. Files that changed are read again.
package final class TLSContexts: Sendable {
    package static let shared = TLSContexts()

    private struct Entry {
        let stamps: [FileStamp]
        let context: NIOSSLContext
    }

    private let entries = Mutex<[RedisEndpoint.TLS: Entry]>([:])

    /// Reads files: call it off the event loop. Throws `.usage` naming the file that cannot be used.
    package func context(for tls: RedisEndpoint.TLS) throws(RedisError) -> NIOSSLContext {
        let stamps = [tls.rootsFile, tls.certificateFile, tls.keyFile].map { FileStamp(path: $0) }
        if let entry = entries.withLock({ $0[tls] }), entry.stamps == stamps { return entry.context }
        let context = try Self.makeContext(tls)
        entries.withLock { $0[tls] = Entry(stamps: stamps, context: context) }
        return context
    }

    private static func makeContext(_ tls: RedisEndpoint.TLS) throws(RedisError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        // How long a closed connection lingers for the peer's goodbye. A peer that stalls says none, and its owner wants to move on.
        configuration.shutdownTimeout = .milliseconds(200)
        if let file = tls.rootsFile {
            // Read here and now, so that a missing file is told by its name.
            configuration.trustRoots = .certificates(try certificates(file, use: "trusted roots"))
        }
        switch (tls.certificateFile, tls.keyFile) {
        case (nil, nil): break
        case (let certificateFile?, let keyFile?):
            configuration.certificateChain = try certificates(certificateFile, use: "client certificate").map { .certificate($0) }
            do {
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: keyFile, format: .pem))
            } catch {
                throw RedisError(.usage, "the client key \(keyFile) cannot be read as an unencrypted PEM file: \(error)")
            }
        case (_?, nil), (nil, _?):
            throw RedisError(.usage, "a client certificate for Redis needs both its certificate file and its key file")
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw RedisError(.usage, "the TLS files for Redis do not fit together (does the key belong to the certificate?): \(error)")
        }
    }

    private static func certificates(_ file: String, use: String) throws(RedisError) -> [NIOSSLCertificate] {
        do {
            return try NIOSSLCertificate.fromPEMFile(file)
        } catch {
            throw RedisError(.usage, "the \(use) for Redis, \(file), cannot be read as a PEM file: \(error)")
        }
    }
}
