/// Why a process, a proxy or what they need could not be had. `description` says what failed, on what, and what to do.
package struct FaultInjectionError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// A program could not be started.
        case start
        /// A program did not write what was awaited: its output ended, or time was up.
        case output
        /// The system gave no socket, port or directory.
        case system
        /// The guard of child processes is gone: they would outlive us.
        case guardian
    }

    package var code: Code
    package var description: String

    package init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
