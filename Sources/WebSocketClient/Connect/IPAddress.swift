#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Literal addresses, told from names.
enum IPAddress {
    /// The four bytes of an IPv4 or the sixteen of an IPv6 literal; nil for a name.
    static func bytes(_ host: String) -> [UInt8]? {
        for (family, size) in [(AF_INET, 4), (AF_INET6, 16)] {
            var address = [UInt8](repeating: 0, count: size)
            if inet_pton(family, host, &address) == 1 { return address }
        }
        return nil
    }

    static func isIPv6(_ host: String) -> Bool { bytes(host)?.count == 16 }
    static func isLiteral(_ host: String) -> Bool { bytes(host) != nil }
}
