package import NIOSSL

/// Why a certificate that did not pass is likely not to have passed. TLS itself only says that it did not.
package enum CertificateFault: Sendable, Equatable {
    /// Seconds since 1970.
    case expired(Int64)
    /// Seconds since 1970.
    case notYetValid(Int64)
    case selfSigned
    /// Its authority, or the authority's authority, is not among the roots, or one of the chain is out of date.
    case unknownAuthority

    /// - Parameter now: seconds since 1970.
    package init(of certificate: NIOSSLCertificate, now: Int64) {
        if Int64(certificate.notValidAfter) < now {
            self = .expired(Int64(certificate.notValidAfter))
        } else if Int64(certificate.notValidBefore) > now {
            self = .notYetValid(Int64(certificate.notValidBefore))
        } else if let bytes = try? certificate.toDERBytes(), let parties = CertificateParties(bytes), parties.issuer == parties.subject {
            // Without readable bytes nothing is known beyond that no authority vouches for it.
            self = .selfSigned
        } else {
            self = .unknownAuthority
        }
    }
}

extension CertificateFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .expired(let at): "its certificate expired on \(CivilDate(at))"
        case .notYetValid(let from): "its certificate is not valid before \(CivilDate(from)); is the clock of this host right?"
        case .selfSigned: "its certificate is self-signed and not among the roots"
        case .unknownAuthority:
            "its certificate comes from an authority that is not among the roots, or a certificate between is missing or expired"
        }
    }
}

/// Issuer and subject of a certificate (RFC 5280 section 4.1), as encoded.
struct CertificateParties {
    let issuer: ArraySlice<UInt8>
    let subject: ArraySlice<UInt8>

    init?(_ der: [UInt8]) {
        var certificate = DERReader(der[...])
        guard var outer = certificate.enter(0x30), var body = outer.enter(0x30) else { return nil }
        _ = body.next(0xa0)
        guard body.next(0x02) != nil, body.next(0x30) != nil, let issuer = body.next(0x30), body.next(0x30) != nil,
            let subject = body.next(0x30)
        else { return nil }
        self.issuer = issuer
        self.subject = subject
    }
}

/// Walks elements of DER.
private struct DERReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// The content of the next element if it has this tag.
    mutating func next(_ tag: UInt8) -> ArraySlice<UInt8>? {
        guard rest.first == tag, rest.count >= 2 else { return nil }
        var index = rest.startIndex + 1
        var length = Int(rest[index])
        index += 1
        if length >= 0x80 {
            let size = length & 0x7f
            guard (1...3).contains(size), rest.endIndex - index >= size else { return nil }
            length = rest[index..<(index + size)].reduce(0) { $0 << 8 | Int($1) }
            index += size
        }
        guard rest.endIndex - index >= length else { return nil }
        defer { rest = rest[(index + length)...] }
        return rest[index..<(index + length)]
    }

    mutating func enter(_ tag: UInt8) -> DERReader? { next(tag).map { DERReader($0) } }
}

/// A day of the Gregorian calendar, in UTC.
struct CivilDate: CustomStringConvertible {
    var year: Int64
    var month: Int64
    var day: Int64

    /// - Parameter seconds: since 1970.
    init(_ seconds: Int64) {
        // Days are counted from 1 March of the year 0, so that the leap day comes last in its year and 400 years repeat.
        let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400 + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shifted + 2) / 5 + 1
        month = shifted < 10 ? shifted + 3 : shifted - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    var description: String { "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)" }
}
