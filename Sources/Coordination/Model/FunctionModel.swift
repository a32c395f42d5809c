internal import NIOCore
package import RedisClient

/// The function library over keys in memory: the same calls, the same replies, the same keys afterwards.
///
/// A value: a copy is a snapshot, putting it back is a server that lost what came later. Time comes in; nothing else does. Values are text,
/// so a payload must be UTF-8. Not modelled: consumer groups, memory, access rules, and ids that are none in the middle of a batch.
package struct FunctionModel: Sendable {
    package var hashes: [String: [String: String]] = [:]
    package var streams: [String: StreamModel] = [:]
    package var scores: [String: [String: Int64]] = [:]
    /// Messages published since the owner last took them: channel and text.
    package var published: [Message] = []
    /// True: `publish` is refused whole, as at `maxmemory`.
    package var outOfMemory = false

    /// Rules that are left out, to see that their absence is noticed.
    package var omitted: Rules = []

    package struct Rules: OptionSet, Sendable {
        package let rawValue: Int

        package init(rawValue: Int) { self.rawValue = rawValue }

        /// `publish` takes every batch for the next one.
        package static let cursorCheck = Rules(rawValue: 1)
        /// `publish` takes everybody's batches.
        package static let tokenCheck = Rules(rawValue: 2)
        /// The first entry of a stream in an epoch does not tell what it follows.
        package static let after = Rules(rawValue: 4)
        /// No call is recognised as the repeat of one whose reply was lost.
        package static let repeats = Rules(rawValue: 8)
        /// A takeover by observation does not compare the renewals.
        package static let renewals = Rules(rawValue: 16)
    }

    package struct Message: Sendable, Equatable {
        package var channel: String
        package var text: String
    }

    package init() {}

    /// Performs a typed call at Redis' time `now` (ms). Throws what Redis would answer as an error.
    package mutating func call<Call: FunctionCall>(_ call: Call, now: Int64) throws -> Call.Reply {
        try Call.decode(try run(call.arguments(), now: now))
    }

    /// Performs `FCALL name numkeys keys... values...` (or `FCALL_RO`) at Redis' time `now` (ms).
    package mutating func run(_ command: [RedisArgument], now: Int64) throws(RedisError) -> RedisValue {
        let words = command.map { argument in
            switch argument {
            case .string(let text): text
            case .bytes(let buffer): String(buffer: buffer)
            }
        }
        guard words.count >= 3, words[0] == "FCALL" || words[0] == "FCALL_RO", let keyCount = Int(words[2]), words.count >= 3 + keyCount,
            let underscore = words[1].firstIndex(of: "_")
        else { throw Self.error("ERR unknown command or wrong arguments: \(words.prefix(3))") }
        return try run(
            function: String(words[1][words[1].index(after: underscore)...]), keys: Array(words[3..<(3 + keyCount)]),
            values: Array(words[(3 + keyCount)...]), now: now)
    }

    private mutating func run(function: String, keys: [String], values: [String], now: Int64) throws(RedisError) -> RedisValue {
        let arguments = Arguments(function: function, keys: keys, values: values)
        switch function {
        case "init": return try initialize(arguments, now: now)
        case "observe": return observe(arguments)
        case "acquire": return try acquire(arguments, now: now)
        case "renew": return try renew(arguments, now: now)
        case "gate": return try gate(arguments, now: now)
        case "retry": return try retry(arguments, now: now)
        case "begin": return try begin(arguments, now: now)
        case "publish": return try publish(arguments)
        case "lost": return try lost(arguments, now: now)
        case "disconnect": return try disconnect(arguments, now: now)
        case "release": return try release(arguments, now: now)
        case "resume": return try resume(arguments, now: now)
        case "trim": return try trim(arguments)
        case "beat": return try beat(arguments, now: now)
        case "desire": return try desire(arguments)
        case "request": return try request(arguments, now: now)
        default: throw Self.error("ERR Function not found", code: .functionNotFound)
        }
    }

    static func error(_ text: String, code: RedisError.Code = .other) -> RedisError {
        RedisError(code, text, server: RedisError.Server(text: text))
    }

    static func reply(_ texts: [String]) -> RedisValue { .array(texts.map { .bytes(.init(string: $0)) }) }
    static func reply(_ texts: String...) -> RedisValue { reply(texts) }
    static let fenced = reply("0", "FENCED")

    /// The keys and values of one call, with the library's errors for missing and wrong ones.
    struct Arguments {
        let function: String
        let keys: [String]
        let values: [String]

        func text(_ index: Int) throws(RedisError) -> String {
            guard index < values.count else { throw FunctionModel.error("BADARG argument \(index + 1) of \(function) is missing") }
            return values[index]
        }

        func number(_ index: Int) throws(RedisError) -> Int64 {
            let text = try text(index)
            guard let number = Int64(text) else {
                throw FunctionModel.error("BADARG argument \(index + 1) of \(function) must be a whole number, not \(text)")
            }
            return number
        }

        func flag(_ index: Int) throws(RedisError) -> Bool {
            switch try text(index) {
            case "1": return true
            case "0": return false
            default: throw FunctionModel.error("BADARG argument \(index + 1) of \(function) must be 1 or 0")
            }
        }

        func jump(_ index: Int) throws(RedisError) -> Int64 {
            let jump = try number(index)
            guard jump >= 1 else { throw FunctionModel.error("BADARG jump must be at least 1") }
            return jump
        }
    }
}
