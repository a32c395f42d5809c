import NIOPosix
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A server of the folder `Judges`: a Python script that prints its port, and ends when it is asked to.
enum PythonServer {
    private static let folder = String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex)) + "/../Judges/"

    /// - Parameter body: gets the port; must make the server end, also when it throws.
    static func run<Value: Sendable>(_ script: String, _ arguments: String = "", _ body: (Int) async throws -> Value) async throws -> Value
    {
        // Waiting for Python blocks a thread: not one of those that run tests.
        let (server, first) = try await NIOThreadPool.singleton.runIfActive { () -> (Process, String?) in
            let process = Process(stream: popen("exec python3 '\(folder)\(script)' \(arguments)", "r"))
            return (process, line(process.stream))
        }
        let port = try #require(first.flatMap { Int($0) }, "\(script) did not print its port")
        let result: Result<Value, any Error>
        do { result = .success(try await body(port)) } catch { result = .failure(error) }
        try await NIOThreadPool.singleton.runIfActive { if let stream = server.stream { pclose(stream) } }
        return try result.get()
    }

    /// Whether this command of Python prints 1.
    static func can(_ statement: String) -> Bool {
        let stream = popen("python3 -c '\(statement); print(1)' 2>/dev/null", "r")
        defer { if let stream { pclose(stream) } }
        return line(stream) == "1"
    }

    /// A child process and its output. Sendable: handed from thread to thread, never used by two.
    private struct Process: @unchecked Sendable {
        var stream: UnsafeMutablePointer<FILE>?
    }

    private static func line(_ stream: UnsafeMutablePointer<FILE>?) -> String? {
        guard let stream else { return nil }
        var buffer = [CChar](repeating: 0, count: 100)
        guard fgets(&buffer, 100, stream) != nil else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
