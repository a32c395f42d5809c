internal import Glibc

/// The folder in which a worker keeps what must outlive its process: name locks and epochs. Several workers of a host may share it.
public struct StateDirectory: Sendable, Hashable {
    public let path: String

    public init(path: String) { self.path = path }

    /// Makes the folder, and those above it, readable for this user only. An existing one is left as it is. `purpose` is what an error calls it.
    public func prepare(as purpose: String = "state directory") throws(CoordinationError) {
        var made = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            made += made.isEmpty || made.hasSuffix("/") ? String(part) : "/\(part)"
            guard mkdir(made, 0o700) != 0 else { continue }
            let code = errno
            var info = stat()
            // EEXIST, but also EACCES or EROFS on a folder above that is there already.
            guard stat(made, &info) == 0, info.st_mode & S_IFMT == S_IFDIR else {
                throw CoordinationError(
                    .stateDirectory, "cannot make the folder \(made) of the \(purpose) \(path): \(StateDirectory.text(code))")
            }
        }
    }

    /// What the C library calls an errno value.
    static func text(_ code: CInt) -> String { strerror(code).map { String(cString: $0) } ?? "error \(code)" }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// The names of the files that end in `suffix`, sorted.
    func files(suffix: String) throws(CoordinationError) -> [String] {
        guard let folder = opendir(path) else {
            throw CoordinationError(.stateDirectory, "cannot list the state directory \(path): \(StateDirectory.text(errno))")
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: entry.pointee.d_name)) { String(cString: $0) }
            }
            if name.hasSuffix(suffix) { names.append(name) }
        }
        return names.sorted()
    }

    /// The first `limit` bytes of a file.
    func read(_ name: String, limit: Int) throws(CoordinationError) -> [UInt8] {
        let path = file(name)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CoordinationError(.stateDirectory, "cannot open \(path): \(StateDirectory.text(errno))") }
        defer { close(descriptor) }
        return try Self.read(descriptor, limit: limit, path: path)
    }

    static func read(_ descriptor: CInt, limit: Int, path: String) throws(CoordinationError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: limit)
        var filled = 0
        while filled < limit {
            let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress! + filled, limit - filled, off_t(filled)) }
            if count == 0 { break }
            if count > 0 {
                filled += count
                continue
            }
            if errno == EINTR { continue }
            throw CoordinationError(.stateDirectory, "cannot read \(path): \(StateDirectory.text(errno))")
        }
        return Array(bytes[..<filled])
    }

    static func write(_ bytes: [UInt8], to descriptor: CInt, path: String) throws(CoordinationError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress! + written, bytes.count - written, off_t(written)) }
            if count >= 0 {
                written += count
                continue
            }
            if errno == EINTR { continue }
            throw CoordinationError(.stateDirectory, "cannot write \(path): \(StateDirectory.text(errno))")
        }
    }

    /// Replaces a file as a whole: after a crash it holds either the old bytes or the new ones.
    func replace(_ name: String, with bytes: [UInt8]) throws(CoordinationError) {
        let path = file(name)
        let draft = "\(path).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CoordinationError(.stateDirectory, "cannot create \(draft): \(StateDirectory.text(errno))") }
        do {
            defer { close(descriptor) }
            try Self.write(bytes, to: descriptor, path: draft)
            guard fsync(descriptor) == 0 else {
                throw CoordinationError(.stateDirectory, "cannot bring \(draft) to the disk: \(StateDirectory.text(errno))")
            }
        }
        guard rename(draft, path) == 0 else {
            throw CoordinationError(.stateDirectory, "cannot rename \(draft) to \(path): \(StateDirectory.text(errno))")
        }
    }
}
