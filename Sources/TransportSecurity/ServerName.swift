internal import NIOCore
package import NIOSSL

/// The host name that a server's certificate must be for.
///
/// NIOSSL also accepts a certificate for the address it is connected to. An attacker who bends the name look-up may own such a
/// certificate for an address of his own, so with a name given, the name has to be in the certificate.
package struct ServerName: Sendable {
    private let name: String
    private let labels: [Substring]

    package init(_ name: String) {
        self.name = name
        labels = Self.labels(name)
    }

    /// Whether a certificate's name covers this host: the same name, or one whose first label is `*` and the others the same.
    package func isCovered(by certificateName: String) -> Bool {
        let pattern = Self.labels(certificateName)
        guard pattern.count == labels.count else { return false }
        return pattern == labels || (pattern.count > 2 && pattern[0] == "*" && pattern.dropFirst() == labels.dropFirst())
    }

    /// Checks beyond what NIOSSL has checked already. A certificate without any names had its subject checked there.
    /// - Throws: `ServerNameMismatch`.
    package func verify(_ certificate: NIOSSLCertificate) throws {
        let names = certificate._subjectAlternativeNames()
        let hostNames = names.filter { $0.nameType == .dnsName }.map { String(decoding: $0.contents, as: UTF8.self) }
        guard names.isEmpty || hostNames.contains(where: isCovered) else {
            throw ServerNameMismatch(expected: name, certified: CertificateNames.all(of: certificate))
        }
    }

    /// A client's end of TLS that trusts `name` only; nil: the address connected to. The context must verify certificates.
    package static func tlsHandler(context: NIOSSLContext, name: String?) throws -> NIOSSLClientHandler {
        guard let name else { return try NIOSSLClientHandler(context: context, serverHostname: nil) }
        return try NIOSSLClientHandler._makeSSLClientHandler(context: context, serverHostname: name) { certificate, channel in
            channel.eventLoop.makeCompletedFuture { try ServerName(name).verify(certificate) }
        }
    }

    private static func labels(_ name: String) -> [Substring] {
        let lowercased = name.lowercased()
        let text = lowercased.hasSuffix(".") ? lowercased.dropLast() : lowercased[...]
        return text.split(separator: ".", omittingEmptySubsequences: false)
    }
}

/// A server showed a trusted certificate that is for others.
package struct ServerNameMismatch: Error, Sendable, Equatable, CustomStringConvertible {
    package var expected: String
    /// Host names and addresses the certificate is for, made safe to print.
    package var certified: [String]

    package init(expected: String, certified: [String]) {
        self.expected = expected
        self.certified = certified
    }

    package var description: String {
        "the certificate is for another host: for \(certified.isEmpty ? "no host at all" : certified.joined(separator: ", ")), not for \(expected)"
    }
}
