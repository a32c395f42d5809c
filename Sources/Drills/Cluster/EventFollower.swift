internal import Cluster
internal import Coordination
internal import RedisClient
internal import Synchronization

/// One entry of the cluster's event log.
package struct ClusterEvent: Sendable, Equatable {
    /// Redis TIME, milliseconds.
    package var at: Int64
    package var event: String
    package var feed: String
    package var worker: String
    package var epoch: Int
    package var reason: String
    /// True, false, or nil where the event is none that is admitted.
    package var isAdmitted: Bool?
}

/// Reads the event logs of all budget groups while the drill runs, so that nothing that is wiped or trimmed later is missing.
package final class EventFollower: Sendable {
    private struct State {
        var events: [ClusterEvent] = []
        var cursors: [String: String]
    }

    private let link: OperatorLink
    private let state: Mutex<State>

    init(link: OperatorLink, streams: Set<String>) {
        self.link = link
        state = Mutex(State(cursors: Dictionary(uniqueKeysWithValues: streams.map { ($0, "0-0") })))
    }

    /// What was read so far, by group in order.
    package var events: [ClusterEvent] { state.withLock { $0.events } }

    /// Until cancelled.
    func run() async {
        while !Task.isCancelled {
            // Redis is away now and then: that is what drills are for.
            let count = (try? await readOnce()) ?? 0
            if count == 0 { try? await Task.sleep(for: .milliseconds(50)) }
        }
    }

    /// Reads what there is; returns how much.
    func readOnce() async throws -> Int {
        let cursors = state.withLock { $0.cursors.sorted { $0.key < $1.key } }
        let reply = try await link.send(
            ["XREAD", "COUNT", "1000", "STREAMS"] + cursors.map { .string($0.key) } + cursors.map { .string($0.value) })
        var count = 0
        for stream in reply.array ?? [] {
            guard let parts = stream.array, parts.count == 2, let key = parts[0].string else { continue }
            for entry in parts[1].array ?? [] {
                guard let pair = entry.array, pair.count == 2, let id = pair[0].string else { continue }
                let values = (pair[1].array ?? []).map { $0.string ?? "" }
                var fields: [String: String] = [:]
                for index in stride(from: 0, to: values.count - 1, by: 2) { fields[values[index]] = values[index + 1] }
                let admitted = fields["admitted"] ?? ""
                let event = ClusterEvent(
                    at: Int64(fields["at"] ?? "") ?? 0, event: fields["event"] ?? "", feed: fields["feed"] ?? "",
                    worker: fields["worker"] ?? "", epoch: Int(fields["epoch"] ?? "") ?? 0, reason: fields["reason"] ?? "",
                    isAdmitted: admitted.isEmpty ? nil : admitted == "1")
                state.withLock {
                    $0.events.append(event)
                    $0.cursors[key] = id
                }
                count += 1
            }
        }
        return count
    }

    /// Reads to the end; for the last look.
    func finish() async throws {
        while try await readOnce() > 0 {}
    }
}
