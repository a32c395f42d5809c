internal import Coordination
internal import FaultInjection
internal import Glibc

/// Starts the drill's programs and ends them.
enum Launch {
    /// Runs `words` with its output in `log`. In a session of its own: Ctrl-C at the terminal is for the drill, which ends the rest in order.
    static func start(_ words: [String], log: String) async throws -> ChildProcess {
        try await ChildProcess.spawn(
            "/bin/sh", ["-c", #"log=$1; shift; exec setsid "$@" >>"$log" 2>&1"#, "sh", log] + words, environment: environment)
    }

    /// The same, with its output read by us.
    static func start(_ words: [String]) async throws -> ChildProcess {
        try await ChildProcess.spawn("setsid", words, environment: environment)
    }

    /// Ours without the settings of a cluster that a person may have in it.
    private static var environment: [String: String] {
        var variables: [String: String] = [:]
        var pointer = environ
        while let entry = pointer.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "="), !text.hasPrefix("COLONY_") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            pointer += 1
        }
        return variables
    }

    /// Asks with `signal`, insists with SIGKILL after `patience`; returns when the process is reaped.
    @discardableResult
    static func end(_ child: ChildProcess, with signal: Int32 = SIGTERM, patience: Duration = .seconds(10)) async -> ChildProcess.Exit? {
        child.signal(SIGCONT)
        child.signal(signal)
        return await withTaskGroup(of: ChildProcess.Exit?.self) { group in
            // A child whose end cannot be learnt is gone as far as we can tell.
            group.addTask { try? await child.waitForExit() }
            group.addTask {
                // Woken early when the other part is done.
                try? await Task.sleep(for: patience)
                return nil
            }
            var exit: ChildProcess.Exit?
            while let next = await group.next() {
                if let next { exit = next }
                // Cancelling the wait kills the child.
                group.cancelAll()
            }
            return exit
        }
    }

    /// The last bytes of a log, for an error's text.
    static func tail(of path: String, bytes count: Int = 1200) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        fseek(file, 0, SEEK_END)
        fseek(file, max(0, ftell(file) - count), SEEK_SET)
        var bytes = [UInt8](repeating: 0, count: count)
        let read = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(read), as: UTF8.self)
    }

    /// Whether a process that is not our child still runs: neither gone nor a zombie.
    static func isRunning(_ pid: Int32) -> Bool {
        guard kill(pid, 0) == 0, let file = fopen("/proc/\(pid)/stat", "r") else { return false }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = fread(&bytes, 1, bytes.count, file)
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return false }
        return text[text.index(after: end)...].first { $0 != " " } != "Z"
    }
}
