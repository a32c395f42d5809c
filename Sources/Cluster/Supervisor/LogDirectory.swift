import Coordination
import SystemPackage

/// Where a supervisor's workers write their logs: `<worker name>.log`, added to.
struct LogDirectory: Sendable {
    let path: String

    /// Makes the folder where it is missing, and tries that the file of each worker can be written.
    ///
    /// Throws a `ClusterError` (`configuration`) that names the directory.
    func prepare(for workers: [String]) throws {
        for worker in workers { try open(worker).close() }
    }

    /// The file of one worker, made where it is missing, with its folder: somebody may have tidied up while the workers ran.
    func open(_ worker: String) throws -> FileDescriptor {
        let file = FilePath(path).appending("\(worker).log")
        do {
            try StateDirectory(path: path).prepare(as: "log directory")
            return try FileDescriptor.open(
                file, .writeOnly, options: [.create, .append, .closeOnExec], permissions: [.ownerReadWrite])
        } catch let error as CoordinationError {
            throw ClusterError(.configuration, "\(error.description); make it, or name another one with --log-directory")
        } catch {
            throw ClusterError(
                .configuration, "the log file \(file) cannot be written: \(error); correct its rights, or name another --log-directory")
        }
    }
}
