internal import Glibc
internal import Synchronization

/// Cleans up behind our process, also when it crashed or was killed: a shell that knows its children and its temporary directory waits for the
/// end of a stream that only our process holds, then kills them with all their own children, and deletes.
package final class OrphanGuard: Sendable {
    package static let shared = OrphanGuard()

    /// Our process' temporary directory; deleted when the process ends.
    package let directory: String
    private let line: Mutex<CInt>

    private static let script = """
        trap '' INT TERM HUP
        # Stopped first, so that it does not replace what is killed below it.
        end_tree() {
            kill -STOP "$1" 2>/dev/null || return 0
            for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
                end_tree "$child"
            done
            kill -9 "$1" 2>/dev/null
        }
        pids=' '
        while read -r verb pid; do
            case $verb in
            adopt) pids="$pids$pid " ;;
            release) pids="${pids%% $pid *} ${pids#* $pid }" ;;
            esac
        done
        for pid in $pids; do end_tree "$pid"; done
        rm -rf "$1"
        """

    private init() {
        var template = Array("\(ProcessInfoEnvironment.temporaryDirectory)/colony-faults-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { preconditionFailure("no temporary directory: errno \(errno)") }
        directory = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        do {
            let (writing, reading) = try closeOnExecPair()
            let quiet = open("/dev/null", O_WRONLY | O_CLOEXEC)
            _ = try posixSpawn("/bin/sh", ["-c", Self.script, "sh", directory], environment: nil, input: reading, output: quiet)
            close(quiet)
            close(reading)
            line = Mutex(writing)
        } catch {
            preconditionFailure("the guard of child processes did not start: \(error)")
        }
    }

    package func adopt(_ pid: Int32) throws {
        guard tell("adopt \(pid)\n") else { throw FaultInjectionError(.guardian, "the guard of child processes is gone") }
    }

    /// The child was reaped: its number may belong to somebody else from now on.
    package func release(_ pid: Int32) {
        _ = tell("release \(pid)\n")
    }

    /// A new directory below `directory`. Its path is short, so that a unix socket fits (107 bytes).
    package func makeDirectory(_ name: String) throws -> String {
        var template = Array("\(directory)/\(name)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FaultInjectionError(.system, "no directory \(name) in \(directory): errno \(errno)") }
        return String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func tell(_ text: String) -> Bool {
        line.withLock { descriptor in
            // MSG_NOSIGNAL: a guard that is gone is an error here, not the end of the process.
            Array(text.utf8).withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) == $0.count }
        }
    }
}

private enum ProcessInfoEnvironment {
    static var temporaryDirectory: String {
        getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    }
}
