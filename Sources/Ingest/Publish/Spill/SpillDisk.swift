import Glibc
package import NIOCore
package import NIOPosix
import Synchronization

/// The segment files of one feed. Every call runs on the spill's own thread, in the order of the calls; a slow disk never holds up the event
/// loop.
///
/// Nothing is synced: a spill belongs to one token of one process, and is worth nothing when that process is gone.
package final class SpillDisk: Sendable {
    private let folder: String
    private let prefix: String
    private let thread: NIOThreadPool
    private let eventLoop: any EventLoop
    private let files: SpillFiles

    /// `name` tells the feed; it and `incarnation` are part of the files' names. The folder must exist.
    package init(folder: String, name: String, thread: NIOThreadPool, on eventLoop: any EventLoop) {
        self.folder = folder
        self.prefix = SpillDisk.escaped(name)
        self.thread = thread
        self.eventLoop = eventLoop
        self.files = SpillFiles()
    }

    /// Letters, digits, `_` and `.` stay; what else a feed's name may hold would be a path.
    static func escaped(_ name: String) -> String {
        name.utf8.map { byte in
            let isPlain = (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95 || byte == 46
            return isPlain ? String(UnicodeScalar(byte)) : "%" + String(byte, radix: 16)
        }.joined()
    }

    private func path(_ segment: Int) -> String { "\(folder)/\(prefix)-\(segment).spill" }

    /// Answered on the event loop.
    package func write(_ record: SpillRecord, at place: SpillPlace, completion: @escaping (Result<Void, any Error>) -> Void) {
        let path = path(place.segment)
        let files = files
        run(
            {
                let descriptor = try files.open(path, segment: place.segment)
                let head = record.head()
                try SpillDisk.write(head, descriptor, at: place.offset, path)
                try SpillDisk.write(record.body, descriptor, at: place.offset + head.readableBytes, path)
            }, completion)
    }

    /// Throws `SpillRecord.Damage` or `SpillError` through the completion.
    package func read(_ place: SpillPlace, completion: @escaping (Result<SpillRecord, any Error>) -> Void) {
        let path = path(place.segment)
        let files = files
        run(
            {
                let descriptor = try files.open(path, segment: place.segment)
                var bytes = ByteBufferAllocator().buffer(capacity: place.length)
                let count = try bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: place.length) { space in
                    var filled = 0
                    while filled < place.length {
                        let count = pread(descriptor, space.baseAddress! + filled, place.length - filled, off_t(place.offset + filled))
                        if count == 0 { break }
                        if count < 0, errno == EINTR { continue }
                        guard count > 0 else { throw SpillError("read", path, errno) }
                        filled += count
                    }
                    return filled
                }
                guard count == place.length else { throw SpillRecord.Damage.truncated }
                return try SpillRecord(&bytes)
            }, completion)
    }

    package func delete(segment: Int, completion: @escaping (Result<Void, any Error>) -> Void) {
        let path = path(segment)
        let files = files
        run(
            {
                files.close(segment)
                guard unlink(path) == 0 || errno == ENOENT else { throw SpillError("delete", path, errno) }
            }, completion)
    }

    private func run<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value, _ completion: @escaping (Result<Value, any Error>) -> Void
    ) {
        let bound = NIOLoopBound(completion, eventLoop: eventLoop)
        thread.runIfActive(eventLoop: eventLoop, work).whenComplete { bound.value($0) }
    }

    private static func write(_ buffer: ByteBuffer, _ descriptor: CInt, at offset: Int, _ path: String) throws {
        try buffer.withUnsafeReadableBytes { bytes in
            var done = 0
            while done < bytes.count {
                let count = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw SpillError("write", path, errno) }
                done += count
            }
        }
    }

    /// Makes the folder of a worker's spill and empties it: what lies there is of an earlier process of that name, and its token has ended.
    /// Returns how many packets that were; a torn end is passed over. Throws `SpillError`.
    package static func prepare(_ folder: String) throws -> Int {
        var made = folder.hasPrefix("/") ? "/" : ""
        for part in folder.split(separator: "/") {
            made += made.isEmpty || made.hasSuffix("/") ? String(part) : "/\(part)"
            guard mkdir(made, 0o700) != 0, errno != EEXIST else { continue }
            var info = stat()
            let code = errno
            guard stat(made, &info) == 0 else { throw SpillError("make", made, code) }
        }
        guard let directory = opendir(folder) else { throw SpillError("list", folder, errno) }
        defer { closedir(directory) }
        var packets = 0
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: entry.pointee.d_name)) { String(cString: $0) }
            }
            guard name.hasSuffix(".spill") else { continue }
            packets += try count("\(folder)/\(name)")
            guard unlink("\(folder)/\(name)") == 0 else { throw SpillError("delete", "\(folder)/\(name)", errno) }
        }
        return packets
    }

    /// The packets of a segment's whole records.
    private static func count(_ path: String) throws -> Int {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SpillError("open", path, errno) }
        defer { Glibc.close(descriptor) }
        var packets = 0
        var bytes = ByteBuffer()
        while true {
            let count = try bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: 1 << 20) { space in
                let count = Glibc.read(descriptor, space.baseAddress!, space.count)
                guard count >= 0 else { throw SpillError("read", path, errno) }
                return count
            }
            while true {
                do {
                    packets += try SpillRecord(&bytes).count
                } catch .truncated where count > 0 {
                    break
                } catch {
                    // The end of the file, or a place that was never written: nothing behind it can be told apart.
                    return packets
                }
            }
            bytes.discardReadBytes()
        }
    }
}

/// The open files of a feed's spill, used on the spill's thread only.
private final class SpillFiles: Sendable {
    private let descriptors = Mutex<[Int: CInt]>([:])

    func open(_ path: String, segment: Int) throws -> CInt {
        try descriptors.withLock { open in
            if let descriptor = open[segment] { return descriptor }
            let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw SpillError("open", path, errno) }
            open[segment] = descriptor
            return descriptor
        }
    }

    func close(_ segment: Int) {
        if let descriptor = descriptors.withLock({ $0.removeValue(forKey: segment) }) { Glibc.close(descriptor) }
    }

    deinit {
        for descriptor in descriptors.withLock({ $0 }).values { Glibc.close(descriptor) }
    }
}

/// A file of the spill that could not be used.
package struct SpillError: Error, CustomStringConvertible {
    package let description: String

    init(_ action: String, _ path: String, _ code: CInt) {
        let text = strerror(code).map { String(cString: $0) } ?? "error \(code)"
        description = "cannot \(action) \(path) of the spill: \(text); check spill.path and the room on its disk"
    }
}
