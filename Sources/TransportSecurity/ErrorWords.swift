internal import NIOCore
internal import NIOPosix
internal import NIOSSL

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// What went wrong with a socket, in words for people: no function names, no types, no error numbers.
package enum ErrorWords {
    package static func of(_ error: any Error) -> String {
        switch error {
        case let error as IOError: return ofSystem(error.errnoCode)
        case let error as NIOConnectionError: return ofConnecting(error)
        case let error as SocketAddressError.UnknownHost: return notFound(error.host)
        case let error as ChannelError: return ofChannel(error) ?? "\(error)"
        case NIOSSLError.uncleanShutdown: return "the other side ended the connection without TLS' good-bye"
        default: return "\(error)"
        }
    }

    package static func notFound(_ host: String) -> String { "host name '\(host)' not found" }

    /// What the C library calls an errno value, as part of a sentence.
    private static func ofSystem(_ code: CInt) -> String {
        guard let text = strerror(code) else { return "error \(code) of the system" }
        let words = String(cString: text)
        return words.prefix(1).lowercased() + words.dropFirst()
    }

    /// All addresses that were tried, or that there are none.
    private static func ofConnecting(_ error: NIOConnectionError) -> String {
        if error.connectionErrors.isEmpty { return notFound(error.host) }
        return error.connectionErrors.map { failure in
            failure.target.ipAddress.map { "\($0): \(of(failure.error))" } ?? of(failure.error)
        }.joined(separator: "; ")
    }

    private static func ofChannel(_ error: ChannelError) -> String? {
        switch error {
        case .connectTimeout(let limit): "no answer within \(limit.nanoseconds / 1_000_000) ms"
        case .ioOnClosedChannel, .alreadyClosed, .eof, .inputClosed, .outputClosed: "the connection is closed"
        default: nil
        }
    }
}
