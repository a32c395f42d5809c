import Cluster
import Coordination
import Drills
import Glibc

/// Where a local cluster keeps its data, sockets, logs: a temporary directory that goes with it, or one the user named.
struct RunDirectory: Sendable {
    let path: String
    private let isTemporary: Bool

    init(keeping path: String?) throws {
        if let path {
            try StateDirectory(path: path).prepare()
            self.path = path
            isTemporary = false
            return
        }
        // Short: a unix socket's path has 107 bytes at most.
        var template = Array("/tmp/colony-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw ClusterError(.embeddedRedis, "no temporary directory can be made in /tmp (\(String(cString: strerror(errno))))")
        }
        self.path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        isTemporary = true
    }

    func write(_ text: String, to path: String) throws {
        try TextFile.write(text, to: path)
    }

    func remove() {
        guard isTemporary else { return }
        FileTree.remove(path)
    }
}

/// The configuration of the running cluster, found by other commands of this user.
struct RunFilePublication: Sendable {
    private let file: String

    init(file: String) {
        self.file = file
        let directory = String(RunFile.path.dropLast("/up.yaml".count))
        do { try StateDirectory(path: directory).prepare() } catch { Console.error("colony: \(error.description)") }
        unlink(RunFile.path)
        if symlink(file, RunFile.path) != 0 {
            Console.error("colony: \(RunFile.path) cannot be made; give other commands --config \(file)")
        }
    }

    /// Only if it is still ours: a second `colony up` may have taken the place.
    func remove() {
        var target = [CChar](repeating: 0, count: 4096)
        let count = readlink(RunFile.path, &target, target.count - 1)
        guard count > 0, String(decoding: target.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) == file else { return }
        unlink(RunFile.path)
    }
}

/// Runs something that must not be cancelled from outside before an inner part has been, and has ended in its own time.
enum Shielded {
    final class Cancellation: Sendable {
        private let stream: AsyncStream<Void>
        private let continuation: AsyncStream<Void>.Continuation

        init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

        func cancel() { continuation.yield() }

        /// Runs `body`, cancelled when the outside is.
        func run<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
            try await withThrowingTaskGroup(of: Result?.self) { group in
                group.addTask { try await body() }
                group.addTask {
                    for await _ in self.stream { return nil }
                    return nil
                }
                while let next = try await group.next() {
                    if let next {
                        group.cancelAll()
                        return next
                    }
                    group.cancelAll()
                }
                throw CancellationError()
            }
        }
    }

    static func run<Result: Sendable>(_ body: @escaping @Sendable (Cancellation) async throws -> Result) async throws -> Result {
        let cancellation = Cancellation()
        // Awaited below, whatever happens: the outer cancellation reaches it through `cancellation` only.
        let task = Task { try await body(cancellation) }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            cancellation.cancel()
        }
    }
}
