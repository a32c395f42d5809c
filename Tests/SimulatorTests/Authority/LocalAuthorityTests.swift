import Glibc
import Simulator
import TestSupport
import Testing

@Suite struct LocalAuthorityTests {
    /// A directory with an authority's roots and one certificate of it, judged by the `openssl` program.
    private func verify(
        _ defect: LocalAuthority.Defect, names: [String] = [], options: [String]
    ) async throws -> ProcessResult {
        let directory = try OrphanGuard.shared.makeDirectory("authority")
        let authority = try LocalAuthority()
        let roots = try authority.writeRoots(to: directory)
        let paths = try authority.write(try authority.identity(names: names, defect: defect), named: "server", to: directory)
        var status = stat()
        #expect(stat(paths.key, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        defer {
            for path in [roots, paths.certificate, paths.key] { unlink(path) }
            rmdir(directory)
        }
        return try await runProcess(
            "openssl", ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", roots] + options + [paths.certificate])
    }

    @Test(
        "openssl verifies a certificate for every name it was asked for", .timeLimit(.minutes(1)),
        arguments: [
            ["-verify_hostname", "localhost"], ["-verify_ip", "127.0.0.1"], ["-verify_ip", "::1"], ["-verify_hostname", "exchange.test"],
            ["-verify_ip", "10.1.2.3"],
        ])
    func verifies(options: [String]) async throws {
        let result = try await verify(.none, names: ["exchange.test", "10.1.2.3"], options: options)
        #expect(result.exitCode == 0, "\(result.output)\(result.errors)")
    }

    @Test(
        "openssl refuses each kind of broken certificate for its own reason", .timeLimit(.minutes(1)),
        arguments: [
            (LocalAuthority.Defect.expired, "certificate has expired"), (.notYetValid, "certificate is not yet valid"),
            (.wrongHost, "hostname mismatch"), (.selfSigned, "self-signed certificate"),
        ])
    func refuses(defect: LocalAuthority.Defect, reason: String) async throws {
        let result = try await verify(defect, options: ["-verify_hostname", "localhost"])
        #expect(result.exitCode != 0)
        #expect((result.output + result.errors).contains(reason), "\(result.output)\(result.errors)")
    }

    @Test("a name that cannot be in a certificate is refused")
    func badName() throws {
        #expect(throws: SimulatorError.self) { try LocalAuthority().identity(names: ["a,DNS:b"]) }
    }
}
