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
}
