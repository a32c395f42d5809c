internal import Foundation
internal import Glibc

/// A process as /proc shows it. Its start time tells it from a later one with the same number.
package struct ProcessIdentity: Sendable, Hashable {
    package let pid: Int32
    private let startTime: UInt64

    /// Neither ended nor a zombie.
    package var isRunning: Bool {
        guard let facts = ProcessFacts(pid: pid) else { return false }
        return facts.startTime == startTime && facts.state != "Z"
    }

    /// Sends a signal if the process still runs.
    package func signal(_ number: Int32) {
        if isRunning { kill(pid, number) }
    }

    /// Children of `root`, their children and so on, as of now.
    package static func descendants(of root: Int32) -> [ProcessIdentity] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var children: [Int32: [ProcessIdentity]] = [:]
        for name in names {
            guard let pid = Int32(name), let facts = ProcessFacts(pid: pid) else { continue }
            children[facts.parent, default: []].append(ProcessIdentity(pid: pid, startTime: facts.startTime))
        }
        var found: [ProcessIdentity] = []
        var open = [root]
        while let parent = open.popLast() {
            let next = children[parent] ?? []
            found += next
            open += next.map(\.pid)
        }
        return found
    }
}

/// The fields of /proc/<pid>/stat that tell who a process is.
private struct ProcessFacts {
    let state: Substring
    let parent: Int32
    let startTime: UInt64

    init?(pid: Int32) {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8), let end = text.lastIndex(of: ")") else {
            return nil
        }
        // The name in parentheses may hold anything; what follows is state, parent, ..., start time as the 20th.
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, let parent = Int32(fields[1]), let startTime = UInt64(fields[19]) else { return nil }
        state = fields[0]
        self.parent = parent
        self.startTime = startTime
    }
}
