/// Why a coordination call failed.
///
/// `code` is what callers branch on; `description` says what failed, on what, and what to do.
public struct CoordinationError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable, Equatable, Hashable {
        /// A function answered with something this version of the library does not know: another library version is loaded.
        case unexpectedReply
        /// The call itself was wrong: arguments that no correct caller makes.
        case usage
        /// An entry of the catalogue that cannot be used.
        case badCatalogueEntry
        /// The kernel refused the dead-man timer.
        case timer
        /// A live process of this host has the worker's name.
        case nameInUse
        /// The name of a worker does not match `[A-Za-z0-9_-]{1,64}`.
        case badName
        /// A file or folder of the state directory cannot be made, read or written.
        case stateDirectory
    }

    public var code: Code
    public var description: String

    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
