import NIOSSL
import TestSupport
import Testing

@testable import TransportSecurity

@Suite struct CertificateFaultTests {
    private static func certificate(_ file: String) throws -> NIOSSLCertificate {
        try #require(try NIOSSLCertificate.fromPEMFile(file).first)
    }

    @Test("Out of date, not yet valid, self-signed and of an unknown authority are told apart, in this order", .timeLimit(.minutes(1)))
    func tellsApart() async throws {
        let made = try await TestCertificates.shared
        let (year2026, year2019, year2100): (Int64, Int64, Int64) = (1_780_000_000, 1_550_000_000, 4_110_000_000)
        let server = try Self.certificate(made.server.certificateFile)
        let fault = CertificateFault(of: try Self.certificate(made.expired.certificateFile), now: year2026)
        #expect(fault.description == "its certificate expired on 2020-02-01")
        #expect(CertificateFault(of: server, now: year2019).description.contains("not valid before 2020-01-01"))
        #expect(CertificateFault(of: server, now: year2026) == .unknownAuthority)
        guard case .expired = CertificateFault(of: server, now: year2100) else { return #expect(Bool(false), "valid until 2049") }
        let selfSigned = try Self.certificate(made.selfSigned.certificateFile)
        #expect(CertificateFault(of: selfSigned, now: Int64(selfSigned.notValidBefore) + 1) == .selfSigned)
    }

    @Test("The names of a certificate are listed, hosts and addresses", .timeLimit(.minutes(1)))
    func listsNames() async throws {
        let made = try await TestCertificates.shared
        #expect(CertificateNames.all(of: try Self.certificate(made.server.certificateFile)) == ["localhost", "127.0.0.1"])
        let mismatch = #expect(throws: ServerNameMismatch.self) {
            try ServerName("localhost").verify(try Self.certificate(made.wrongHost.certificateFile))
        }
        #expect(mismatch == ServerNameMismatch(expected: "localhost", certified: ["elsewhere.test"]))
        #expect(mismatch?.description.contains("for elsewhere.test, not for localhost") == true)
    }

    @Test("Damaged certificates name nobody, and do no harm", .timeLimit(.minutes(1)))
    func survivesDamage() async throws {
        let whole = try Self.certificate(try await TestCertificates.shared.server.certificateFile).toDERBytes()
        #expect(CertificateParties(whole) != nil)
        var random = SystemRandomNumberGenerator()
        for count in 0..<whole.count { _ = CertificateParties(Array(whole.prefix(count))) }
        for _ in 0..<2000 {
            var damaged = whole
            damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            _ = CertificateParties(damaged)
        }
        #expect(CertificateParties([]) == nil && CertificateParties([0x30, 0x84, 0xff, 0xff, 0xff, 0xff]) == nil)
    }

    @Test(
        "Days are those of the calendar",
        arguments: [
            (0, "1970-01-01"), (951_782_399, "2000-02-28"), (951_782_400, "2000-02-29"), (951_868_800, "2000-03-01"), (-1, "1969-12-31"),
            (4_107_542_400, "2100-03-01"), (1_709_164_800, "2024-02-29"), (253_402_300_799, "9999-12-31"),
        ] as [(Int64, String)])
    func countsDays(seconds: Int64, day: String) {
        #expect(CivilDate(seconds).description == day)
    }
}
