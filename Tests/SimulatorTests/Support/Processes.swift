import Subprocess
import SystemPackage

/// Runs a program of the system to its end.
struct ProcessResult {
    var exitCode: Int
    var output: String
    var errors: String
}

func runProcess(_ name: String, _ arguments: [String]) async throws -> ProcessResult {
    let executable: Executable = name.contains("/") ? .path(FilePath(name)) : .name(name)
    let record = try await Subprocess.run(
        executable, arguments: Arguments(arguments), output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    var code = -1
    if case .exited(let value) = record.terminationStatus { code = Int(value) }
    return ProcessResult(exitCode: code, output: record.standardOutput, errors: record.standardError)
}
