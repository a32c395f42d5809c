internal import Glibc

/// Writes a small file whole, with its final mode from the first byte on.
enum PrivateFile {
    static func write(_ text: String, to path: String, mode: mode_t) throws(SimulatorError) {
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0...UInt32.max)).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure("create", temporary) }
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else {
                let error = failure("write", temporary)
                close(descriptor)
                unlink(temporary)
                throw error
            }
            bytes = bytes.dropFirst(written)
        }
        guard close(descriptor) == 0 else { throw failure("close", temporary) }
        // Two simulators may share a directory: the reader sees one whole file or the other.
        guard rename(temporary, path) == 0 else {
            let error = failure("rename", temporary)
            unlink(temporary)
            throw error
        }
    }

    private static func failure(_ verb: String, _ path: String) -> SimulatorError {
        SimulatorError(
            .file, "cannot \(verb) \(path): \(String(cString: strerror(errno))); check that the directory exists and is writable")
    }
}
