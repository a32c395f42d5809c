import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A server of the folder `Judges`: a Python script that prints its port.
enum PythonServer {
    private static let folder = String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex)) + "/../Judges/"

    /// Runs `body` with the port of the server, which is killed when it returns or throws.
    static func run<Value: Sendable>(_ script: String, _ arguments: [String] = [], _ body: (Int) async throws -> Value) async throws
        -> Value
    {
        let server = try await ChildProcess.spawn("python3", [folder + script] + arguments)
        defer { server.signal(SIGKILL) }
        try await server.output.waitFor("port ")
        let line = server.output.text.split(separator: "\n").first { $0.hasPrefix("port ") }
        let port = try #require(line.flatMap { Int($0.dropFirst(5)) }, "\(script) wrote: \(server.output.text)")
        return try await body(port)
    }

    /// Whether this statement of Python does no harm.
    static func can(_ statement: String) async throws -> Bool {
        guard let child = try? await ChildProcess.spawn("python3", ["-c", statement]) else { return false }  // no Python
        return try await child.waitForExit() == .code(0)
    }
}
