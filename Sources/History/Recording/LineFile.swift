internal import Glibc

/// Appends lines to a file, 64 KiB at a time. Owned by one writer.
final class LineFile {
    let path: String
    private var descriptor: Int32
    private var pending: [UInt8] = []

    /// Opens, creates, empties.
    init(_ path: String) throws(HistoryError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw HistoryError(.file, "cannot open \(path): \(String(cString: strerror(errno)))") }
    }

    deinit { Glibc.close(descriptor) }

    func append(_ line: [UInt8]) throws(HistoryError) {
        pending.append(contentsOf: line)
        if pending.count >= 65_536 { try flush() }
    }

    func flush() throws(HistoryError) {
        var position = 0
        while position < pending.count {
            let written = pending.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress?.advanced(by: position), $0.count - position) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw HistoryError(.file, "cannot write \(path): \(String(cString: strerror(errno)))") }
            position += written
        }
        pending.removeAll(keepingCapacity: true)
    }
}
