import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import RedisClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct TLSTests {
    private func options(_ identity: TestCertificates.Identity, verifiesClients: Bool = false) async throws -> RedisServer.Options {
        let authorityFile = try await TestCertificates.shared.authorityFile
        return .init(
            tls: .init(
                certificateFile: identity.certificateFile, keyFile: identity.keyFile, authoritiesFile: authorityFile,
                verifiesClients: verifiesClients
            )
        )
    }

    private func outcome(_ server: RedisServer, host: String = "127.0.0.1", _ tls: RedisEndpoint.TLS) async throws -> RedisError.Code? {
        let endpoint = try #require(server.tlsEndpoint(host: host, tls: tls))
        do throws(RedisError) {
            let connection = try await RedisConnection.connect(
                to: endpoint, on: MultiThreadedEventLoopGroup.singleton.next(), timeout: .seconds(20)
            )
            let reply = try await connection.send(["ECHO", "hello"], timeout: .seconds(20))
            #expect(reply.string == "hello")
            return nil
        } catch {
            #expect(error.description.contains(endpoint.description), "\(error)")
            return error.code
        }
    }

    @Test func `a good certificate is accepted by name and by address, and no other authority is`() async throws {
        let certificates = try await TestCertificates.shared
        try await withRedis(options(certificates.server)) { (server) async throws in
            let trusted = RedisEndpoint.TLS(rootsFile: certificates.authorityFile)
            #expect(try await outcome(server, trusted) == nil)
            #expect(try await outcome(server, host: "localhost", trusted) == nil)
            #expect(try await outcome(server, .init(rootsFile: certificates.authorityFile, serverName: "localhost")) == nil)
            // The certificate is also for the address, which must not make up for the name.
            let other = try await outcome(server, .init(rootsFile: certificates.authorityFile, serverName: "other.test"))
            #expect(other == .tls)
            #expect(try await outcome(server, .init(rootsFile: certificates.authorityFile, serverName: "10.0.0.1")) == .usage)
            #expect(try await outcome(server, .init()) == .tls)
            #expect(try await outcome(server, .init(rootsFile: certificates.selfSigned.certificateFile)) == .tls)
        }
    }

    @Test func `a certificate for another host, one that ran out and a self-signed one are refused`() async throws {
        let certificates = try await TestCertificates.shared
        for identity in [certificates.wrongHost, certificates.expired, certificates.selfSigned] {
            try await withRedis(options(identity)) { (server) async throws in
                #expect(try await outcome(server, .init(rootsFile: certificates.authorityFile)) == .tls)
                #expect(try await outcome(server, host: "localhost", .init(rootsFile: certificates.authorityFile)) == .tls)
            }
        }
        try await withRedis(options(certificates.wrongHost)) { (server) async throws in
            let named = RedisEndpoint.TLS(rootsFile: certificates.authorityFile, serverName: "elsewhere.test")
            #expect(try await outcome(server, named) == nil)
        }
    }

    @Test func `a server that verifies clients accepts ours and refuses those without`() async throws {
        let certificates = try await TestCertificates.shared
        try await withRedis(options(certificates.server, verifiesClients: true)) { (server) async throws in
            let ours = RedisEndpoint.TLS(
                rootsFile: certificates.authorityFile, certificateFile: certificates.client.certificateFile,
                keyFile: certificates.client.keyFile
            )
            #expect(try await outcome(server, ours) == nil)
            #expect(try await outcome(server, .init(rootsFile: certificates.authorityFile)) == .tls)
        }
    }

    @Test func `TLS to a plain port and plain to a TLS port fail with a reason`() async throws {
        let certificates = try await TestCertificates.shared
        try await withRedis(options(certificates.server)) { server in
            var mixed = server.tcpEndpoint
            mixed.tls = .init(rootsFile: certificates.authorityFile)
            var error = await #expect(throws: RedisError.self) {
                try await RedisConnection.connect(to: mixed, on: MultiThreadedEventLoopGroup.singleton.next(), timeout: .milliseconds(300))
            }
            // Redis answers only if the random bytes happen to hold an end of line.
            #expect(error?.code == .timeout || error?.code == .tls)
            #expect(error?.description.contains("TLS") == true)
            mixed = RedisEndpoint(address: .tcp(host: "127.0.0.1", port: try #require(server.tlsPort)))
            error = await #expect(throws: RedisError.self) { try await server.connect(to: mixed) }
            #expect(error?.code == .protocolViolation || error?.code == .connectionLost)
        }
    }

    @Test func `files that cannot be used are named before anything is sent`() async throws {
        let certificates = try await TestCertificates.shared
        let missing = certificates.authorityFile + ".missing"
        let wrong: [(RedisEndpoint.TLS, String)] = [
            (.init(rootsFile: missing), missing),
            (.init(certificateFile: missing, keyFile: certificates.client.keyFile), missing),
            (.init(certificateFile: certificates.client.certificateFile, keyFile: missing), missing),
            (.init(certificateFile: certificates.client.certificateFile), "both"),
            (.init(certificateFile: certificates.client.certificateFile, keyFile: certificates.server.keyFile), "key"),
        ]
        for (tls, name) in wrong {
            let endpoint = RedisEndpoint(address: .tcp(host: "127.0.0.1", port: 1), tls: tls)
            let error = await #expect(throws: RedisError.self) {
                try await RedisConnection.connect(to: endpoint, on: MultiThreadedEventLoopGroup.singleton.next(), timeout: .seconds(20))
            }
            #expect(error?.code == .usage)
            #expect(error?.description.contains(name) == true, "\(error?.description ?? "")")
        }
    }

    @Test func `a context is made once, and again when a file was replaced`() async throws {
        let certificates = try await TestCertificates.shared
        let file = try OrphanGuard.shared.makeDirectory("roots") + "/roots.pem"
        try FileManager.default.copyItem(atPath: certificates.authorityFile, toPath: file)
        let tls = RedisEndpoint.TLS(rootsFile: file)
        let contexts = TLSContexts.shared
        let first = try contexts.context(for: tls)
        #expect(try contexts.context(for: tls) === first)
        #expect(try contexts.context(for: .init(rootsFile: file, serverName: "other.test")) !== first)
        try FileManager.default.removeItem(atPath: file)
        try FileManager.default.copyItem(atPath: certificates.selfSigned.certificateFile, toPath: file)
        #expect(try contexts.context(for: tls) !== first)
    }
}
