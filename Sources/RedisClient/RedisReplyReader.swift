internal import CHiredis
package import NIOCore

/// Bytes in, replies out: hiredis' reader with its default reply objects, so that hiredis 0.14 and 1.x behave alike. RESP2 only.
///
/// A reader that threw is spent: the bytes that follow have no known meaning.
package final class RedisReplyReader {
    /// What a peer sent that is not Redis' protocol, or is larger than allowed.
    package struct Failure: Error {
        package var description: String

        init(_ description: String) { self.description = description }
    }

    /// hiredis moves its buffer for each kilobyte it consumed; small portions keep those moves short.
    private static let portionBytes = 16 * 1024

    private let reader: UnsafeMutablePointer<redisReader>
    private let maximumReplyBytes: Int
    private var replyGuard: ReplyGuard
    /// Bytes that came since the last complete reply.
    private var incompleteBytes = 0

    package init(maximumReplyBytes: Int, maximumReplyElements: Int) {
        guard let reader = redisReaderCreate() else { preconditionFailure("out of memory while making a reader for Redis' replies") }
        self.reader = reader
        self.maximumReplyBytes = maximumReplyBytes
        self.replyGuard = ReplyGuard(limits: .init(bulkBytes: maximumReplyBytes, elements: maximumReplyElements))
    }

    deinit { redisReaderFree(reader) }

    /// Reads `bytes` and hands over each reply that became complete, until `receive` returns false: then the rest is dropped.
    package func read(_ bytes: ByteBuffer, receive: (RedisValue) -> Bool) throws(Failure) {
        var rest = bytes
        while let portion = rest.readSlice(length: min(rest.readableBytes, Self.portionBytes)), portion.readableBytes > 0 {
            var refusal: Failure?
            let fed = portion.withUnsafeReadableBytes { raw in
                var safeCount = raw.count
                do throws(Failure) {
                    try replyGuard.inspect(raw)
                } catch {
                    refusal = error
                    safeCount = replyGuard.wholeByteCount
                }
                return redisReaderFeed(reader, raw.baseAddress?.assumingMemoryBound(to: CChar.self), safeCount)
            }
            guard fed == REDIS_OK else { throw currentFailure }
            incompleteBytes += portion.readableBytes
            while let reply = try next() {
                incompleteBytes = reader.pointee.len - reader.pointee.pos
                guard receive(reply) else { return }
            }
            if let refusal { throw refusal }
            guard incompleteBytes <= maximumReplyBytes else {
                throw Failure("a reply is larger than \(maximumReplyBytes) bytes")
            }
        }
    }

    private func next() throws(Failure) -> RedisValue? {
        var object: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &object) == REDIS_OK else { throw currentFailure }
        guard let object else { return nil }
        defer { freeReplyObject(object) }
        return try Self.value(object.assumingMemoryBound(to: redisReply.self))
    }

    private var currentFailure: Failure {
        let text = withUnsafeBytes(of: &reader.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return Failure(text.isEmpty ? "the reader failed" : text)
    }

    private static func value(_ reply: UnsafeMutablePointer<redisReply>) throws(Failure) -> RedisValue {
        switch reply.pointee.type {
        case REDIS_REPLY_NIL: return .null
        case REDIS_REPLY_INTEGER: return .integer(reply.pointee.integer)
        case REDIS_REPLY_STATUS: return .status(text(reply))
        case REDIS_REPLY_ERROR: return .error(RedisError.Server(text: text(reply)))
        case REDIS_REPLY_STRING: return .bytes(ByteBuffer(bytes: bytes(reply)))
        case REDIS_REPLY_ARRAY:
            var values: [RedisValue] = []
            values.reserveCapacity(Int(reply.pointee.elements))
            for index in 0..<Int(reply.pointee.elements) {
                guard let element = reply.pointee.element[index] else { throw Failure("an array lacks an element") }
                values.append(try value(element))
            }
            return .array(values)
        default: throw Failure("a reply has a type that RESP2 does not know (\(reply.pointee.type))")
        }
    }

    private static func bytes(_ reply: UnsafeMutablePointer<redisReply>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: reply.pointee.str, count: Int(reply.pointee.len))
    }

    private static func text(_ reply: UnsafeMutablePointer<redisReply>) -> String {
        String(decoding: bytes(reply), as: UTF8.self)
    }
}
