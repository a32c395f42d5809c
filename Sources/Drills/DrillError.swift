/// Why a drill could not be run, or not to its end. What a drill shows about the cluster is no error but a broken promise in its report.
package struct DrillError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The command asks for something impossible.
        case usage
        /// A part of the private cluster did not start.
        case setup
        /// The cluster did not come back within the time the rules allow and a good deal more.
        case notRecovered
        /// A fault could not be brought about.
        case injection
    }

    package var code: Code
    package var description: String

    package init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
