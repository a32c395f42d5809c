internal import COpenSSL
internal import Glibc

/// A certificate authority of this process' own, with which simulators speak real, verified TLS.
///
/// The authority lives in memory; `write(to:)` leaves what clients need in a directory. Keys are EC P-256, certificates are signed with
/// SHA-256 and valid for two days.
package struct LocalAuthority: Sendable {
    /// What is wrong with a certificate on purpose.
    package enum Defect: String, Sendable, CaseIterable {
        /// Valid.
        case none
        /// Ended an hour ago.
        case expired
        /// Valid from tomorrow on.
        case notYetValid
        /// Issued for `elsewhere.invalid` only.
        case wrongHost
        /// Signed by itself instead of by this authority.
        case selfSigned
    }

    /// A server certificate with its key, both PEM.
    package struct Identity: Sendable {
        package var certificatePEM: String
        package var keyPEM: String
    }

    /// The authority's own certificate, PEM.
    package let certificatePEM: String
    private let authority: CertifiedKey

    /// Makes a new authority. Throws `.certificate` with OpenSSL's words.
    package init(name: String = "Colony local authority") throws(SimulatorError) {
        authority = try CertifiedKey(
            subject: name, issuer: nil,
            extensions: [
                (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"), (NID_key_usage, "critical,keyCertSign,cRLSign"),
                (NID_subject_key_identifier, "hash"),
            ], from: -3600, to: 2 * 86_400)
        certificatePEM = try authority.certificatePEM()
    }

    /// A server certificate for `localhost`, `127.0.0.1`, `::1` and `names` (host names or addresses).
    package func identity(names: [String] = [], defect: Defect = .none) throws(SimulatorError) -> Identity {
        let hosts = defect == .wrongHost ? ["elsewhere.invalid"] : ["localhost", "127.0.0.1", "::1"] + names
        for host in hosts where host.isEmpty || host.contains(where: { ",\n\r ".contains($0) }) {
            throw SimulatorError(.certificate, "cannot issue a certificate for '\(host)': not a host name or address")
        }
        let from: Int
        let to: Int
        switch defect {
        case .none, .wrongHost, .selfSigned: (from, to) = (-3600, 2 * 86_400)
        case .expired: (from, to) = (-2 * 86_400, -3600)
        case .notYetValid: (from, to) = (86_400, 2 * 86_400)
        }
        let server = try CertifiedKey(
            subject: hosts[0], issuer: defect == .selfSigned ? nil : authority,
            extensions: [
                (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
                (NID_ext_key_usage, "serverAuth"), (NID_subject_key_identifier, "hash"), (NID_authority_key_identifier, "keyid:always"),
                (NID_subject_alt_name, hosts.map { (Self.isAddress($0) ? "IP:" : "DNS:") + $0 }.joined(separator: ",")),
            ], from: from, to: to)
        return Identity(certificatePEM: try server.certificatePEM(), keyPEM: try server.keyPEM())
    }

    /// Writes `ca.pem` (what clients trust) into `directory` and returns its path. The authority's key never leaves memory.
    package func writeRoots(to directory: String) throws(SimulatorError) -> String {
        let path = directory + "/ca.pem"
        try PrivateFile.write(certificatePEM, to: path, mode: 0o644)
        return path
    }

    /// Writes a certificate and its key as `<name>.pem` and `<name>.key` (mode 0600) into `directory`; returns the two paths.
    package func write(
        _ identity: Identity, named name: String, to directory: String
    ) throws(SimulatorError) -> (certificate: String, key: String) {
        let paths = (certificate: "\(directory)/\(name).pem", key: "\(directory)/\(name).key")
        try PrivateFile.write(identity.certificatePEM, to: paths.certificate, mode: 0o644)
        try PrivateFile.write(identity.keyPEM, to: paths.key, mode: 0o600)
        return paths
    }

    private static func isAddress(_ host: String) -> Bool {
        var room = in6_addr()
        return inet_pton(AF_INET, host, &room) == 1 || inet_pton(AF_INET6, host, &room) == 1
    }
}
