public import RedisClient

/// One call of a library function: the parameters, how they become `FCALL`, and how the reply is read.
public protocol FunctionCall: Sendable {
    associatedtype Reply: Sendable

    /// The function's name behind `<library>_`.
    static var function: String { get }
    /// True for a function that may run on replicas (`FCALL_RO`).
    static var readOnly: Bool { get }
    /// The keys, in the order the function declares.
    var keys: [String] { get }
    /// The other arguments, in the order the function declares.
    var values: [RedisArgument] { get }
    /// Reads the reply. Throws `.unexpectedReply` for one that this version does not know.
    static func decode(_ reply: RedisValue) throws(CoordinationError) -> Reply
}

extension FunctionCall {
    public static var readOnly: Bool { false }

    /// The whole command: `FCALL <library>_<function> <number of keys> <keys> <values>`.
    public func arguments(library: FunctionLibrary = .colony1) -> [RedisArgument] {
        let keys = keys
        let values = values
        var command: [RedisArgument] = []
        command.reserveCapacity(3 + keys.count + values.count)
        command.append(Self.readOnly ? "FCALL_RO" : "FCALL")
        command.append(.string("\(library.name)_\(Self.function)"))
        command.append(RedisArgument(keys.count))
        for key in keys { command.append(.string(key)) }
        command.append(contentsOf: values)
        return command
    }
}

extension RedisConnection {
    /// Calls a function and reads its reply. Throws a `RedisError` (no answer, or an error reply) or a `CoordinationError` (an answer that
    /// this version does not know). After cancellation or a lost connection the call may or may not have had its effect: repeat it as it was.
    public func call<Call: FunctionCall>(
        _ call: Call, library: FunctionLibrary = .colony1, timeout: Duration = .seconds(2)
    ) async throws -> Call.Reply {
        try Call.decode(try await send(call.arguments(library: library), timeout: timeout))
    }
}

extension RedisArgument {
    init(_ flag: Bool) { self = flag ? "1" : "0" }
    init(_ token: Token) { self = .string(token.description) }
    init(_ incarnation: Incarnation) { self = .string(incarnation.text) }
    init(_ id: EntryID) { self = .string(id.description) }
}
