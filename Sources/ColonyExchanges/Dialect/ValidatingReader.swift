extension Dialect {
    /// The reader of one connection, which checks as much of each packet as the profile's `validation` says.
    public func openReader() -> any DialectReader {
        switch profile.validation {
        case .lenient: makeReader()
        case .strict: ValidatingReader(base: makeReader())
        }
    }
}

/// Refuses packets that begin as JSON and are not JSON to their end. Binary packets and bare words pass.
struct ValidatingReader: DialectReader {
    var base: any DialectReader

    mutating func read(_ message: UnsafeRawBufferPointer, isText: Bool) -> Reading {
        let reading = base.read(message, isText: isText)
        switch reading {
        case .packet, .unrouted:
            guard let first = message.trimmed.first, message[first] == 0x7B || message[first] == 0x5B, let complaint = message.complaint
            else {
                return reading
            }
            return .malformed(complaint)
        case .reply, .ack, .heartbeat, .notice, .malformed: return reading
        }
    }

    mutating func topic(of route: Route, in message: UnsafeRawBufferPointer) -> Topic? { base.topic(of: route, in: message) }

    mutating func prepare(_ request: inout Request) { base.prepare(&request) }
}
