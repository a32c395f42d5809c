/// What the packets of one read burst have in common, as it stands in their arguments: the id up to the sequence, and the receive time.
struct PacketStamp {
    private var milliseconds: Int64 = -1
    private var epoch = -1
    private var time: Int64 = -1
    /// "$<length>\r\n<ms>-<epoch>".
    private var id: InlineArray<6, UInt64> = .init(repeating: 0)
    private var idCount = 0
    /// "\r\n$<length>\r\n<time>\r\n".
    private var receipt: InlineArray<4, UInt64> = .init(repeating: 0)
    private var receiptCount = 0

    /// `milliseconds` and `epoch` are those of the id, `time` is the receive time in nanoseconds since 1970; none is negative.
    @inline(__always)
    mutating func set(milliseconds: Int64, epoch: Int, time: Int64) {
        if milliseconds != self.milliseconds || time != self.time || epoch != self.epoch {
            change(milliseconds: milliseconds, epoch: epoch, time: time)
        }
    }

    @inline(never)
    private mutating func change(milliseconds: Int64, epoch: Int, time: Int64) {
        self.milliseconds = milliseconds
        self.epoch = epoch
        self.time = time
        let ms = UInt64(clamping: milliseconds)
        let number = UInt64(clamping: epoch)
        withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { space in
            guard let start = space.baseAddress else { return }
            var at = start
            PacketEncoding.bulkHeader(&at, UInt64(PacketEncoding.digits(ms) + 1 + PacketEncoding.digits(number) + 12))
            PacketEncoding.integer(&at, ms)
            at.storeBytes(of: UInt8(ascii: "-"), as: UInt8.self)
            at += 1
            PacketEncoding.integer(&at, number)
            idCount = at - start
            for index in id.indices { id[index] = start.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) }
            at = start
            PacketEncoding.lineEnd(&at)
            let nanoseconds = UInt64(clamping: time)
            PacketEncoding.bulkHeader(&at, UInt64(PacketEncoding.digits(nanoseconds)))
            PacketEncoding.integer(&at, nanoseconds)
            PacketEncoding.lineEnd(&at)
            receiptCount = at - start
            for index in receipt.indices { receipt[index] = start.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) }
        }
    }

    /// Writes the id but for its sequence, and moves on by as much; 48 bytes are stored.
    @inline(__always)
    func writeID(_ at: inout UnsafeMutableRawPointer) {
        for index in 0..<6 { at.storeBytes(of: id[index], toByteOffset: index &* 8, as: UInt64.self) }
        at += idCount
    }

    /// Writes the end of the id and the receive time; 32 bytes are stored.
    @inline(__always)
    func writeTime(_ at: inout UnsafeMutableRawPointer) {
        for index in 0..<4 { at.storeBytes(of: receipt[index], toByteOffset: index &* 8, as: UInt64.self) }
        at += receiptCount
    }
}
