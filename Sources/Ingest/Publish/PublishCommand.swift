package import Coordination
package import NIOCore
import RedisClient

/// The part of a `publish` call that stands before the packets: keys, token, first sequence, retention.
package enum PublishCommand {
    /// `FCALL colony1_publish n R C N stream.. token first maxlen..`, to be followed by the batch's body.
    ///
    /// Nothing is spelled out anew that the table keeps ready: at a few packets a batch this is most of a batch's own cost.
    package static func header(
        _ batch: PublishBatch, token: Token, table: StreamTable, allocator: ByteBufferAllocator
    ) -> ByteBuffer {
        let streams = batch.streams
        var buffer = allocator.buffer(capacity: 384 + 96 * streams.count)
        let keyCount = 3 + streams.count
        RedisCommandEncoder.appendHeader(argumentCount: 3 + keyCount + 3 + streams.count + 5 * batch.count, to: &buffer)
        buffer.writeStaticString("$5\r\nFCALL\r\n$15\r\ncolony1_publish\r\n")
        RedisCommandEncoder.append(keyCount, to: &buffer)
        buffer.writeBytes(table.leaseBulk)
        buffer.writeBytes(table.slots[0].keyBulk)
        buffer.writeBytes(table.registryBulk)
        for slot in streams { buffer.writeBytes(table.slots[slot].keyBulk) }
        append(token, to: &buffer)
        RedisCommandEncoder.append(batch.first, to: &buffer)
        buffer.writeBytes(table.slots[0].maxlenBulk)
        for slot in streams { buffer.writeBytes(table.slots[slot].maxlenBulk) }
        return buffer
    }

    /// `<incarnation>:<epoch>`, without a string for it.
    private static func append(_ token: Token, to buffer: inout ByteBuffer) {
        let epoch = String(token.epoch)
        RedisCommandEncoder.appendBulkHeader(length: token.incarnation.text.utf8.count + 1 + epoch.utf8.count, to: &buffer)
        buffer.writeString(token.incarnation.text)
        buffer.writeInteger(UInt8(ascii: ":"))
        buffer.writeString(epoch)
        buffer.writeStaticString("\r\n")
    }
}
