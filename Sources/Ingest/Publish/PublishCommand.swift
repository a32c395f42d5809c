import Coordination
import NIOCore

/// The part of a `publish` call that stands before the packets: keys, token, first sequence, retention.
enum PublishCommand {
    /// `FCALL colony1_publish n R C N stream.. token first maxlen..`, to be followed by the batch's body.
    static func header(
        _ batch: PublishBatch, keys: FeedKeys, token: Token, table: StreamTable, allocator: ByteBufferAllocator
    ) -> ByteBuffer {
        let streams = batch.streams
        var buffer = allocator.buffer(capacity: 256 + 96 * streams.count)
        let keyCount = 3 + streams.count
        let arguments = 3 + keyCount + 3 + streams.count + 5 * batch.count
        buffer.writeString("*\(arguments)\r\n$5\r\nFCALL\r\n$15\r\ncolony1_publish\r\n")
        bulk(&buffer, String(keyCount))
        bulk(&buffer, keys.lease)
        buffer.writeBytes(table.slots[0].keyBulk)
        bulk(&buffer, keys.streams)
        for slot in streams { buffer.writeBytes(table.slots[slot].keyBulk) }
        bulk(&buffer, token.description)
        bulk(&buffer, String(batch.first))
        buffer.writeBytes(table.slots[0].maxlenBulk)
        for slot in streams { buffer.writeBytes(table.slots[slot].maxlenBulk) }
        return buffer
    }

    private static func bulk(_ buffer: inout ByteBuffer, _ text: String) {
        buffer.writeString("$\(text.utf8.count)\r\n\(text)\r\n")
    }
}
