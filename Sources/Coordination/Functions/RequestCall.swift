public import RedisClient

/// `request`: asks something of a worker or supervisor, or answers. Nobody is made to do anything: whoever is asked decides.
public struct RequestCall: FunctionCall, Hashable {
    public static let function = "request"
    public var namespace: Keys
    /// Fields of the requests hash to set, in order; an empty value removes the field.
    public var fields: [Field]

    public struct Field: Sendable, Hashable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public init(namespace: Keys, fields: [Field]) {
        self.namespace = namespace
        self.fields = fields
    }

    public var keys: [String] { [namespace.requests, namespace.meta] }
    public var values: [RedisArgument] { fields.flatMap { [RedisArgument.string($0.name), .string($0.value)] } }

    public static func decode(_ reply: RedisValue) throws(CoordinationError) -> RequestReply {
        let fields = try ReplyFields(reply, of: function)
        guard fields.succeeded else { throw fields.unexpected }
        return RequestReply(version: try fields.number(1), now: try fields.milliseconds(2))
    }
}

public struct RequestReply: Sendable, Hashable {
    /// `requests_version` of the data set after the call.
    public var version: Int
    /// TIME of the call, ms.
    public var now: Int64

    public init(version: Int, now: Int64) {
        self.version = version
        self.now = now
    }
}

/// A field's value as the function stores it: `<TIME in ms> <value>`.
public struct StoredRequest: Sendable, Hashable {
    /// Redis TIME at which it was asked, ms.
    public var at: Int64
    public var value: String

    /// nil for a text that the function did not write.
    public init?(_ text: String) {
        guard let space = text.firstIndex(of: " "), let at = Int64(text[..<space]) else { return nil }
        self.at = at
        self.value = String(text[text.index(after: space)...])
    }
}
