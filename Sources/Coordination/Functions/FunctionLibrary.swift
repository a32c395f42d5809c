public import RedisClient

/// The Redis function library: its name, its Lua source and how to load it.
public struct FunctionLibrary: Sendable, Hashable {
    /// Prefix of every function: `<name>_acquire` and so on.
    public let name: String
    /// Lua text, as `FUNCTION LOAD` takes it.
    public let source: String

    public init(name: String, source: String) {
        self.name = name
        self.source = source
    }

    /// The library of this version of the system.
    public static let colony1 = FunctionLibrary(
        name: "colony1", source: String(decoding: PackageResources.colony1_lua, as: UTF8.self))

    /// Loads the library on the connection's server, in place of a library of the same name; safe to repeat.
    ///
    /// Throws what Redis answers: `.noPermission` where the user lacks `function|load`, `.other` before Redis 7.0 (no functions).
    public func load(on connection: RedisConnection, timeout: Duration = .seconds(5)) async throws(RedisError) {
        try await connection.loadFunctionLibrary(source, timeout: timeout)
    }

    /// The same command, for callers that write commands themselves.
    public var loadArguments: [RedisArgument] { ["FUNCTION", "LOAD", "REPLACE", .string(source)] }
}
