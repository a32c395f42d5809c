import ArgumentParser
import Cluster

/// How packets are shown and for how long, for the commands that follow some.
struct FollowOptions: ParsableArguments {
    @Flag(name: .long, help: "JSON lines.")
    var json = false

    @Option(name: .customLong("for"), help: "End after this time.")
    var duration: String?

    @Option(name: .long, help: "End after so many packets.")
    var count: Int?

    /// Shows the events until they end, a limit is reached or a signal comes.
    /// - Parameter line: what an event is shown as; as JSON if the second argument is true.
    func follow<Events: AsyncSequence & Sendable>(
        _ events: Events, isPacket: @escaping @Sendable (Events.Element) -> Bool,
        line: @escaping @Sendable (Events.Element, Bool) throws -> String
    ) async throws {
        let limit = try duration.map { try DurationText.parse($0, option: "--for") }
        let (json, count) = (json, count)
        _ = try await untilSignal {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    var left = count ?? Int.max
                    for try await event in events {
                        Console.print(try line(event, json))
                        if isPacket(event) { left -= 1 }
                        if left <= 0 { return }
                    }
                }
                if let limit { tasks.addTask { try await Task.sleep(for: limit) } }
                do { try await tasks.next() } catch is CancellationError {}
                tasks.cancelAll()
                do { try await tasks.waitForAll() } catch is CancellationError {}
            }
        }
    }
}
