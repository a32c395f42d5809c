internal import Glibc

/// One message that an exchange gave to a socket.
struct TrueMessage {
    var hash: UInt64
    var number: UInt64
    var boot: Int64
    /// Payload bytes, the topic's index, and whether it may stay unpublished.
    private var packed: UInt64

    init(hash: UInt64, number: UInt64, boot: Int64, bytes: Int, topic: Int, isData: Bool) {
        self.hash = hash
        self.number = number
        self.boot = boot
        packed = UInt64(UInt32(clamping: bytes)) << 32 | UInt64(topic & 0x7FFF_FFFF) << 1 | (isData ? 1 : 0)
    }

    var bytes: Int { Int(packed >> 32) }
    var topic: Int { Int(packed >> 1 & 0x7FFF_FFFF) }
    /// Data must be stored; answers and heartbeats need not.
    var isData: Bool { packed & 1 == 1 }
}

/// The messages of all sockets, each socket's in order, on disk once they are many.
///
/// The file has no name, so that nothing is left of it however the process ends.
final class MessageSpill {
    private final class Stack {
        var count = 0
        var pending: [TrueMessage] = []
        /// Where the written ones are: the number of the first, how many, and their offset in the file, in messages.
        var extents: [(first: Int, count: Int, offset: Int)] = []
    }

    private var stacks: [UInt64: Stack] = [:]
    private var pendingCount = 0
    private let limit: Int
    private var file: (descriptor: Int32, count: Int)?

    /// Keeps at most `limit` messages in memory.
    init(limit: Int = 1 << 20) { self.limit = limit }

    deinit { if let file { close(file.descriptor) } }

    func append(_ message: TrueMessage, to socket: UInt64) throws(HistoryError) {
        let stack = stacks[socket] ?? Stack()
        stacks[socket] = stack
        stack.pending.append(message)
        stack.count += 1
        pendingCount += 1
        guard pendingCount >= limit else { return }
        for stack in stacks.values where !stack.pending.isEmpty { try write(stack) }
    }

    func count(of socket: UInt64) -> Int { stacks[socket]?.count ?? 0 }

    /// The messages of a socket from `start`, at most `limit`.
    func messages(of socket: UInt64, from start: Int, limit: Int) throws(HistoryError) -> [TrueMessage] {
        guard let stack = stacks[socket], start < stack.count else { return [] }
        let wanted = min(limit, stack.count - start)
        let written = stack.count - stack.pending.count
        var messages: [TrueMessage] = []
        for extent in stack.extents {
            let from = max(start, extent.first)
            let to = min(start + wanted, extent.first + extent.count)
            if from < to { messages += try read(at: extent.offset + from - extent.first, to - from) }
        }
        let rest = wanted - messages.count
        if rest > 0 {
            let first = max(start, written) - written
            messages += stack.pending[first..<(first + rest)]
        }
        return messages
    }

    private func write(_ stack: Stack) throws(HistoryError) {
        let file = if let file { file } else { try Self.makeFile() }
        let stride = MemoryLayout<TrueMessage>.stride
        let problem: String? = stack.pending.withUnsafeBytes { bytes in
            var position = 0
            while position < bytes.count {
                let count = pwrite(
                    file.descriptor, bytes.baseAddress! + position, bytes.count - position, file.count * stride + position)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return String(cString: strerror(errno)) }
                position += count
            }
            return nil
        }
        if let problem { throw HistoryError(.file, "cannot write the messages to \(Self.folder): \(problem)") }
        stack.extents.append((stack.count - stack.pending.count, stack.pending.count, file.count))
        self.file = (file.descriptor, file.count + stack.pending.count)
        pendingCount -= stack.pending.count
        stack.pending = []
    }

    private func read(at offset: Int, _ count: Int) throws(HistoryError) -> [TrueMessage] {
        guard let descriptor = file?.descriptor else { return [] }
        let stride = MemoryLayout<TrueMessage>.stride
        var isWhole = true
        let messages = [TrueMessage](unsafeUninitializedCapacity: count) { buffer, initialized in
            var position = 0
            while position < count * stride {
                let got = pread(
                    descriptor, UnsafeMutableRawPointer(buffer.baseAddress!) + position, count * stride - position,
                    offset * stride + position)
                if got < 0, errno == EINTR { continue }
                guard got > 0 else { break }
                position += got
            }
            isWhole = position == count * stride
            initialized = isWhole ? count : 0
        }
        guard isWhole else { throw HistoryError(.file, "cannot read the messages in \(Self.folder): \(String(cString: strerror(errno)))") }
        return messages
    }

    private static var folder: String { getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" }

    private static func makeFile() throws(HistoryError) -> (descriptor: Int32, count: Int) {
        var template = Array("\(folder)/colony-history-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else {
            throw HistoryError(.file, "no temporary file can be made in \(folder): \(String(cString: strerror(errno)))")
        }
        unlink(template)
        // Programs started meanwhile would keep its room on the disk.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return (descriptor, 0)
    }
}
