/// Why a coordination call failed.
///
/// `code` is what callers branch on; `description` says what failed, on what, and what to do.
public struct CoordinationError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable, Equatable, Hashable {
        /// A function answered with something this version of the library does not know: another library version is loaded.
        case unexpectedReply
        /// The call itself was wrong: arguments that no correct caller makes.
        case usage
    }

    public var code: Code
    public var description: String

    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
