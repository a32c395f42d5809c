/// Why a recording cannot be made or read.
package struct HistoryError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable, Hashable {
        /// A file of the recording cannot be read or written.
        case file
        /// A line of a file is not what its place demands.
        case format
        /// Redis was not reached, or answered what cannot be.
        case redis
    }

    package var code: Code
    package var description: String

    package init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
