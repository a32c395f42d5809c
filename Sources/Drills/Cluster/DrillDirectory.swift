internal import Cluster
internal import Coordination
internal import FaultInjection
internal import Glibc

/// Where a drill keeps everything: configurations, logs, Redis' data, and the recording by which it is judged.
package struct DrillDirectory: Sendable {
    package let path: String
    package let isKept: Bool

    /// `keep` nil: a temporary directory, short enough for a unix socket's path (107 bytes).
    package init(keep: String?) throws {
        if let keep {
            path = keep.hasPrefix("/") ? keep : "\(Self.workingDirectory)/\(keep)"
            isKept = true
            guard path.utf8.count < 80 else {
                throw DrillError(.usage, "--keep \(path) is too long for the unix sockets in it; choose a path of less than 80 bytes")
            }
            if access("\(path)/recording", F_OK) == 0 {
                throw DrillError(.usage, "\(path) holds the recording of another drill; choose another directory for --keep")
            }
        } else {
            do {
                // Goes with our processes, however we end.
                path = try OrphanGuard.shared.makeDirectory("drill")
            } catch {
                throw DrillError(.setup, "no temporary directory can be made: \(error)")
            }
            isKept = false
            guard path.utf8.count < 80 else {
                throw DrillError(.setup, "\(path) is too long for the unix sockets in it; set TMPDIR to a shorter path")
            }
        }
        for name in ["", "/redis", "/logs", "/recording", "/recording/workers", "/recording/streams"] {
            try StateDirectory(path: path + name).prepare()
        }
    }

    package var recording: String { "\(path)/recording" }
    package var truth: String { "\(path)/recording/truth.jsonl" }

    package func write(_ text: String, to name: String) throws { try TextFile.write(text, to: "\(path)/\(name)") }

    package func remove() {
        guard !isKept else { return }
        FileTree.remove(path)
    }

    private static var workingDirectory: String {
        guard let pointer = getcwd(nil, 0) else { return "." }
        defer { free(pointer) }
        return String(cString: pointer)
    }
}

/// A directory with everything in it.
package enum FileTree {
    package static func remove(_ path: String) {
        guard let directory = opendir(path) else {
            unlink(path)
            return
        }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            let child = "\(path)/\(name)"
            var status = stat()
            if lstat(child, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { remove(child) } else { unlink(child) }
        }
        closedir(directory)
        rmdir(path)
    }
}
