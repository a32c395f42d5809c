package import NIOSSL

/// Whom a certificate is for, for error messages.
package enum CertificateNames {
    /// Certificates of large sites carry hundreds of names.
    static let maxCount = 8
    static let maxBytes = 100

    /// The first host names and addresses; characters that do not belong into a name are replaced.
    package static func all(of certificate: NIOSSLCertificate) -> [String] {
        var names: [String] = []
        for name in certificate._subjectAlternativeNames() {
            guard names.count < maxCount else { return names + ["..."] }
            switch name.nameType {
            case .dnsName: names.append(printable(name.contents))
            case .ipAddress: names.append(address(Array(name.contents)))
            default: continue
            }
        }
        return names
    }

    private static func printable(_ bytes: some Collection<UInt8>) -> String {
        String(decoding: bytes.prefix(maxBytes).map { (0x21...0x7e).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }

    private static func address(_ bytes: [UInt8]) -> String {
        guard bytes.count == 16 else { return bytes.map(String.init).joined(separator: ".") }
        return stride(from: 0, to: 16, by: 2).map { String(Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]), radix: 16) }.joined(separator: ":")
    }
}
