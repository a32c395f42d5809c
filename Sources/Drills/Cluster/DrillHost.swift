internal import Coordination
internal import FaultInjection
internal import Glibc
internal import Synchronization

/// A host of the private cluster: one supervisor with its workers, at its place in the network.
package final class DrillHost: Sendable {
    package let number: Int
    package let processes: Int
    private let words: [String]
    private let log: String
    private let child = Mutex<ChildProcess?>(nil)

    init(number: Int, processes: Int, words: [String], log: String) {
        self.number = number
        self.processes = processes
        self.words = words
        self.log = log
    }

    package var name: String { Self.name(number) }

    static func name(_ number: Int) -> String { "host\(number)" }

    /// The host of a worker's incarnation, `host2-1.0123456789abcdef`; nil when it is none of a drill's.
    package static func number(ofWorker id: String) -> Int? {
        guard id.hasPrefix("host"), let dash = id.firstIndex(of: "-") else { return nil }
        return Int(id.dropFirst(4).prefix(upTo: dash))
    }

    package func start() async throws {
        let started = try await Launch.start(words, log: log)
        child.withLock { $0 = started }
    }

    /// Whether its supervisor runs.
    package var isRunning: Bool { child.withLock { $0.map { Launch.isRunning($0.pid) } } ?? false }

    /// To the supervisor.
    package func signal(_ number: Int32) { child.withLock { $0 }?.signal(number) }

    /// The supervisor's worker processes that run now.
    package var workerProcesses: [Int32] {
        guard let pid = child.withLock({ $0?.pid }) else { return [] }
        return ProcessIdentity.descendants(of: pid).filter(\.isRunning).map(\.pid)
    }

    /// SIGTERM: the workers drain, then the supervisor ends. Stopped processes are woken first.
    package func stop() async {
        guard let running = child.withLock({ $0 }) else { return }
        for pid in workerProcesses { Glibc.kill(pid, SIGCONT) }
        await Launch.end(running, patience: .seconds(15))
        child.withLock { $0 = nil }
    }

    package var logTail: String { Launch.tail(of: log) }
}
