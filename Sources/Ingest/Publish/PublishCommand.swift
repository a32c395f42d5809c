package import Coordination
package import NIOCore
import RedisClient

/// The part of a `publish` call that stands before the packets: keys, token, first sequence, retention.
package enum PublishCommand {
    /// `FCALL colony1_publish n R C N stream.. token first maxlen..`, to be followed by the batch's body.
    package static func header(
        _ batch: PublishBatch, keys: FeedKeys, token: Token, table: StreamTable, allocator: ByteBufferAllocator
    ) -> ByteBuffer {
        let streams = batch.streams
        var buffer = allocator.buffer(capacity: 256 + 96 * streams.count)
        let keyCount = 3 + streams.count
        let arguments = 3 + keyCount + 3 + streams.count + 5 * batch.count
        buffer.writeString("*\(arguments)\r\n$5\r\nFCALL\r\n$15\r\ncolony1_publish\r\n")
        RedisCommandEncoder.append(keyCount, to: &buffer)
        RedisCommandEncoder.append(keys.lease, to: &buffer)
        buffer.writeBytes(table.slots[0].keyBulk)
        RedisCommandEncoder.append(keys.streams, to: &buffer)
        for slot in streams { buffer.writeBytes(table.slots[slot].keyBulk) }
        RedisCommandEncoder.append(token.description, to: &buffer)
        RedisCommandEncoder.append(batch.first, to: &buffer)
        buffer.writeBytes(table.slots[0].maxlenBulk)
        for slot in streams { buffer.writeBytes(table.slots[slot].maxlenBulk) }
        return buffer
    }
}
