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

/// The messages of all sockets, each socket's in order, in files of a temporary directory once they are many.
final class MessageSpill {
    private final class Stack {
        var count = 0
        var pending: [TrueMessage] = []
        var hasFile = false
    }

    private let directory: String
    private var stacks: [UInt64: Stack] = [:]
    private var pendingCount = 0
    private let limit: Int

    /// Keeps at most `limit` messages in memory.
    init(limit: Int = 1 << 20) throws(HistoryError) {
        self.limit = limit
        var template = Array("/tmp/colony-history-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw HistoryError(.file, "no temporary directory can be made in /tmp: \(String(cString: strerror(errno)))")
        }
        directory = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for (socket, stack) in stacks where stack.hasFile { unlink(path(socket)) }
        rmdir(directory)
    }

    func append(_ message: TrueMessage, to socket: UInt64) throws(HistoryError) {
        let stack = stacks[socket] ?? Stack()
        stacks[socket] = stack
        stack.pending.append(message)
        stack.count += 1
        pendingCount += 1
        guard pendingCount >= limit else { return }
        for (socket, stack) in stacks where !stack.pending.isEmpty { try write(stack, socket) }
    }

    func count(of socket: UInt64) -> Int { stacks[socket]?.count ?? 0 }

    /// The messages of a socket from `start`, at most `limit`.
    func messages(of socket: UInt64, from start: Int, limit: Int) throws(HistoryError) -> [TrueMessage] {
        guard let stack = stacks[socket], start < stack.count else { return [] }
        let wanted = min(limit, stack.count - start)
        let written = stack.count - stack.pending.count
        var messages: [TrueMessage] = []
        if start < written { messages = try read(socket, start, min(wanted, written - start)) }
        let rest = wanted - messages.count
        if rest > 0 {
            let first = max(start, written) - written
            messages += stack.pending[first..<(first + rest)]
        }
        return messages
    }

    private func path(_ socket: UInt64) -> String { "\(directory)/\(socket)" }

    private func write(_ stack: Stack, _ socket: UInt64) throws(HistoryError) {
        let descriptor = open(path(socket), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw HistoryError(.file, "cannot open \(path(socket)): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        stack.hasFile = true
        let problem: String? = stack.pending.withUnsafeBytes { bytes in
            var position = 0
            while position < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress! + position, bytes.count - position)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return String(cString: strerror(errno)) }
                position += count
            }
            return nil
        }
        if let problem { throw HistoryError(.file, "cannot write \(path(socket)): \(problem)") }
        pendingCount -= stack.pending.count
        stack.pending = []
    }

    private func read(_ socket: UInt64, _ start: Int, _ count: Int) throws(HistoryError) -> [TrueMessage] {
        let descriptor = open(path(socket), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw HistoryError(.file, "cannot open \(path(socket)): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        let stride = MemoryLayout<TrueMessage>.stride
        var isWhole = true
        let messages = [TrueMessage](unsafeUninitializedCapacity: count) { buffer, initialized in
            var position = 0
            while position < count * stride {
                let got = pread(
                    descriptor, UnsafeMutableRawPointer(buffer.baseAddress!) + position, count * stride - position,
                    start * stride + position)
                if got < 0, errno == EINTR { continue }
                guard got > 0 else { break }
                position += got
            }
            isWhole = position == count * stride
            initialized = isWhole ? count : 0
        }
        guard isWhole else { throw HistoryError(.file, "cannot read \(path(socket)): \(String(cString: strerror(errno)))") }
        return messages
    }
}
