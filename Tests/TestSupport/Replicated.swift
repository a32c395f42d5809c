package import FaultInjection
internal import Foundation

/// Runs `body` with a master, replicas and Sentinels on loopback, which are gone afterwards.
package func withReplicatedRedis<Result>(
    _ options: ReplicatedRedis.Options = ReplicatedRedis.Options(), _ body: (ReplicatedRedis) async throws -> Result
) async throws -> Result {
    let directory = try OrphanGuard.shared.makeDirectory("sentinel")
    let group = try await ReplicatedRedis.start(
        in: directory, options: options,
        arguments: { directory, port in
            [
                "--port", "\(port)", "--bind", "127.0.0.1", "--dir", directory, "--save", "", "--appendonly", "no", "--daemonize", "no",
            ]
        },
        launch: { words, _ in try await ChildProcess.spawn(words[0], Array(words.dropFirst())) })
    let result: Result
    do {
        result = try await body(group)
    } catch {
        await group.stop()
        try FileManager.default.removeItem(atPath: directory)
        throw error
    }
    await group.stop()
    try FileManager.default.removeItem(atPath: directory)
    return result
}
