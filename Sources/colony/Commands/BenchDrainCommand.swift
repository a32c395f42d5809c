import ArgumentParser
import Cluster

extension BenchCommand {
    struct DrainCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "drain",
            abstract: "SIGTERM to a worker that holds many feeds: when its leases are free, and when it has ended.",
            discussion: """
                Real processes: a Redis with its append-only file, simulated exchanges over wss, one worker. Exit code 1 when a lease was free later \
                than 300 ms behind the signal, or the process ended later than 500 ms behind it.
                """)

        @Option(name: .long, help: "Feeds the worker holds, all live.")
        var feeds: Int = 200

        @Option(name: .long, help: "Rounds, each with a worker of its own.")
        var rounds: Int = 5

        @Option(name: .long, help: "Messages per second of each feed.")
        var rate: Double = 5

        @Flag(name: .long, help: "One JSON object.")
        var json = false

        func validate() throws {
            guard (1...2000).contains(feeds) else { throw ValidationError("--feeds is 1 to 2000") }
            guard (1...100).contains(rounds) else { throw ValidationError("--rounds is 1 to 100") }
            guard rate > 0, rate <= 1000 else { throw ValidationError("--rate is above 0 and at most 1000") }
        }

        func run() async throws {
            let bench = DrainBench(feeds: feeds, rounds: rounds, rate: rate)
            let results = try await untilSignal { try await bench.run() }
            guard let results else { return }
            Console.print(json ? try results.json() : results.text)
            if !results.isKept { throw ExitCode(1) }
        }
    }
}
