import Foundation
import Glibc
import TestSupport

/// The `colony` program that was built beside the tests.
enum ColonyProgram {
    /// What a finished run left behind.
    struct Outcome: Sendable {
        var exit: ChildProcess.Exit
        var output: String
        var errors: String

        var errorLines: [String] { errors.split(separator: "\n").map(String.init) }
    }

    static let path: String = {
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &bytes, bytes.count - 1)
        precondition(count > 0, "/proc/self/exe cannot be read: errno \(errno)")
        let bundle = String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return bundle[..<(bundle.lastIndex(of: "/") ?? bundle.startIndex)] + "/colony"
    }()

    /// Our environment without the settings a developer may have in it.
    static func environment(_ more: [String: String] = [:]) -> [String: String] {
        ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("COLONY_") }.merging(more) { $1 }
    }

    /// Starts the program; standard output and standard error are one.
    static func spawn(_ arguments: [String], environment more: [String: String] = [:]) async throws -> ChildProcess {
        try await ChildProcess.spawn(path, arguments, environment: environment(more))
    }

    /// Runs the program to its end, with standard output and standard error kept apart.
    static func run(_ arguments: [String], environment more: [String: String] = [:]) async throws -> Outcome {
        let directory = try OrphanGuard.shared.makeDirectory("run")
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let script = #"out="$1"; shift; exec "$@" >"$out/output" 2>"$out/errors""#
        let child = try await ChildProcess.spawn(
            "/bin/sh", ["-c", script, "sh", directory, path] + arguments, environment: environment(more))
        let exit = try await child.waitForExit()
        return Outcome(
            exit: exit, output: try String(contentsOfFile: "\(directory)/output", encoding: .utf8),
            errors: try String(contentsOfFile: "\(directory)/errors", encoding: .utf8))
    }
}

/// Milliseconds since 1970 on the clock that Redis' TIME reads.
func wallMilliseconds() -> Int64 { nanoseconds(CLOCK_REALTIME) / 1_000_000 }

/// CLOCK_BOOTTIME in nanoseconds, as in the truth log.
func bootNanoseconds() -> Int64 { nanoseconds(CLOCK_BOOTTIME) }

private func nanoseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
