internal import NIOCore
internal import TransportSecurity

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Why the simulator could not do what was asked. `description` says what failed, on what, and what to do.
package struct SimulatorError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The configuration contradicts itself or names something unknown.
        case configuration
        /// The port is taken, or may not be bound.
        case bind
        /// OpenSSL refused to make a key or certificate.
        case certificate
        /// A file could not be read or written.
        case file
        /// A recording is not in the documented layout.
        case recording
        /// A control command is not understood.
        case command
        /// The simulator is stopped.
        case stopped
    }

    package var code: Code
    package var description: String

    package init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
    /// An address that was not to be had; `what` names it, as in `listen on 127.0.0.1:8765`.
    init(cannotBind what: String, _ error: any Error) {
        let advice =
            switch (error as? IOError)?.errnoCode {
            case EADDRINUSE: "the port is in use; stop what listens there, choose another port, or 0 for a free one"
            case EACCES: "the port may not be bound by this user; choose one above 1023"
            case EADDRNOTAVAIL: "this host has no such address"
            default: ErrorWords.of(error)
            }
        self.init(.bind, "cannot \(what): \(advice)")
    }
}
