internal import Glibc

/// The exclusive right to a worker's name on this host: a flock on `<state directory>/<name>.lock`.
///
/// The kernel drops the lock of a dead process only together with its other descriptors, its websockets among them. So the incarnation
/// found in a lock that could be had is dead, and its sockets are closed: a proof of death. The descriptor is closed on exec.
public final class NameLock: Sendable {
    public let name: String
    public let path: String
    /// The incarnation that had the lock before; it is dead. Nil in a new or unreadable file.
    public let previous: Incarnation?
    private let descriptor: CInt

    private init(name: String, path: String, previous: Incarnation?, descriptor: CInt) {
        self.name = name
        self.path = path
        self.previous = previous
        self.descriptor = descriptor
    }

    /// Gives the name free. The file stays: its incarnation is the proof of death for the next one.
    deinit { close(descriptor) }

    /// Takes the name of `incarnation` and writes the incarnation into the file.
    ///
    /// Throws `.nameInUse` when a live process has the name, `.badName`, or `.stateDirectory`. Waits at most 50 ms, for a worker that just
    /// asks for a proof of death.
    public static func acquire(_ incarnation: Incarnation, in directory: StateDirectory) throws(CoordinationError) -> NameLock {
        let name = incarnation.name
        let path = try lockPath(name, in: directory)
        try directory.prepare()
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw CoordinationError(.stateDirectory, "cannot open the lock \(path): \(StateDirectory.text(errno))")
        }
        do throws(CoordinationError) {
            var attempts = 1
            while try !tryLock(descriptor, path: path) {
                guard attempts < 6 else {
                    let holder = try read(descriptor, name: name, path: path).map { " by \($0)" } ?? ""
                    throw CoordinationError(
                        .nameInUse,
                        "the worker name '\(name)' is in use on this host\(holder) (lock \(path)); stop that process or give this one "
                            + "another name or state directory")
                }
                attempts += 1
                var pause = timespec(tv_sec: 0, tv_nsec: 10_000_000)
                nanosleep(&pause, nil)
            }
            let previous = try read(descriptor, name: name, path: path)
            // In place: whoever dies half-way leaves an incarnation that never was, which proves nothing and harms nobody.
            let line = Array("\(incarnation)\n".utf8)
            try StateDirectory.write(line, to: descriptor, path: path)
            guard ftruncate(descriptor, off_t(line.count)) == 0, fsync(descriptor) == 0 else {
                throw CoordinationError(.stateDirectory, "cannot write the lock \(path): \(StateDirectory.text(errno))")
            }
            return NameLock(name: name, path: path, previous: previous, descriptor: descriptor)
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// The last incarnation of a worker's name if its process is dead; nil if it lives, or if this host never had the name.
    ///
    /// For the other workers of the host. Throws `.badName` or `.stateDirectory`.
    public static func deadIncarnation(of name: String, in directory: StateDirectory) throws(CoordinationError) -> Incarnation? {
        let path = try lockPath(name, in: directory)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw CoordinationError(.stateDirectory, "cannot open the lock \(path): \(StateDirectory.text(errno))")
        }
        defer { close(descriptor) }
        guard try tryLock(descriptor, path: path) else { return nil }
        return try read(descriptor, name: name, path: path)
    }

    /// Whether a text may be a worker's name: `[A-Za-z0-9_-]{1,64}`.
    public static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    private static func lockPath(_ name: String, in directory: StateDirectory) throws(CoordinationError) -> String {
        guard isName(name) else {
            throw CoordinationError(.badName, "'\(name)' is no worker name; use 1 to 64 of A-Z a-z 0-9 _ -")
        }
        return directory.file("\(name).lock")
    }

    private static func tryLock(_ descriptor: CInt, path: String) throws(CoordinationError) -> Bool {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return false }
            guard errno == EINTR else { throw CoordinationError(.stateDirectory, "cannot lock \(path): \(StateDirectory.text(errno))") }
        }
        return true
    }

    /// The incarnation in the file, if it is one of this name.
    private static func read(_ descriptor: CInt, name: String, path: String) throws(CoordinationError) -> Incarnation? {
        let bytes = try StateDirectory.read(descriptor, limit: 128, path: path)
        let text = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        let digits = text.dropFirst(name.count + 1)
        guard text.hasPrefix("\(name)."), digits.utf8.count == 16, digits.allSatisfy(\.isHexDigit) else { return nil }
        return Incarnation(text)
    }
}
