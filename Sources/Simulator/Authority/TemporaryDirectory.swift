internal import Glibc

/// A directory of this process' own (mode 0700).
enum TemporaryDirectory {
    static func make(prefix: String) throws(SimulatorError) -> String {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/\(prefix)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw SimulatorError(.file, "cannot make a directory under \(base): \(String(cString: strerror(errno)))")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func removeFile(_ path: String) { unlink(path) }

    /// Removes the directory and the certificate in it. What others put there stays, and with it the directory.
    static func remove(_ path: String) {
        unlink(path + "/ca.pem")
        rmdir(path)
    }
}
