internal import Glibc

/// Where a run leaves what the checker reads. All times named `boot` are CLOCK_BOOTTIME in nanoseconds of the one host everything ran on.
///
/// | file | content | written by |
/// |---|---|---|
/// | `truth*.jsonl` | what the exchanges did: sockets, messages (`TruthRecord`) | the simulator: `truthPath` |
/// | `workers/<incarnation>.jsonl` | what each worker knew and believed (`WorkerEvent`) | workers with the setting `history: DIR` |
/// | `streams/feed-<feed>.jsonl` | every entry of all streams of one feed, in id order (`StreamRecord`) | `StreamRecorder` |
/// | `streams/events-<group>.jsonl` | the event log of one budget group | `StreamRecorder` |
/// | `streams/clock.jsonl` | what Redis' clock showed at which boot time | `StreamRecorder` |
/// | `faults.jsonl` | what was injected when (`FaultRecord`) | `FaultLog`, by whoever injects |
///
/// A missing part makes the rules that need it unchecked, not broken.
package struct RecordingDirectory: Sendable, Hashable {
    package let path: String

    package init(_ path: String) { self.path = path }

    /// Makes the directory and those in it. Existing ones stay as they are.
    package func create() throws(HistoryError) {
        for level in [path, workers, streams] where mkdir(level, 0o755) != 0 && errno != EEXIST {
            throw HistoryError(.file, "cannot make the directory \(level): \(String(cString: strerror(errno)))")
        }
    }

    /// For `SimulatorConfiguration.truthPath`.
    package var truth: String { "\(path)/truth.jsonl" }
    package var workers: String { "\(path)/workers" }
    package var streams: String { "\(path)/streams" }
    package var faults: String { "\(path)/faults.jsonl" }
    package var clock: String { "\(streams)/clock.jsonl" }

    package func feed(_ feed: String) -> String { "\(streams)/feed-\(Self.fileName(feed)).jsonl" }
    package func events(_ group: String) -> String { "\(streams)/events-\(Self.fileName(group)).jsonl" }

    package var hasFaults: Bool { access(faults, R_OK) == 0 }
    package var hasClock: Bool { access(clock, R_OK) == 0 }

    /// The budget group of an event log's file.
    static func group(ofEvents path: String) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        return String(name.dropFirst("events-".count).dropLast(".jsonl".count)).replacing("%2F", with: "/").replacing("%25", with: "%")
    }

    /// The files that exist, in order of their names.
    package var truthFiles: [String] { files(in: path) { $0.hasPrefix("truth") } }
    package var workerFiles: [String] { files(in: workers) { _ in true } }
    package var feedFiles: [String] { files(in: streams) { $0.hasPrefix("feed-") } }
    package var eventFiles: [String] { files(in: streams) { $0.hasPrefix("events-") } }

    private func files(in directory: String, where isWanted: (String) -> Bool) -> [String] {
        guard let handle = opendir(directory) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".jsonl"), isWanted(name) { names.append("\(directory)/\(name)") }
        }
        return names.sorted()
    }

    /// Feeds may hold a slash.
    private static func fileName(_ name: String) -> String {
        name.reduce(into: "") { text, character in
            if character == "/" || character == "%" {
                text += character == "/" ? "%2F" : "%25"
            } else {
                text.append(character)
            }
        }
    }
}
