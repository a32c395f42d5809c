import ArgumentParser
import Cluster

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Benchmarks: this program beside others that do the same work, interleaved in one run.",
        subcommands: [PathCommand.self])

    struct PathCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "path", abstract: "Websocket in to Redis out: CPU per packet and packets per second, beside a C program.",
            discussion:
                "Build everything in release first: swift build -c release (scripts/bench does it). Medians over the rounds; quote ratios.")

        @Option(name: .long, help: "Rounds, each with every program in turn.")
        var rounds: Int = 5

        @Option(name: .long, help: "Packets per measurement.")
        var packets: Int = 200_000

        @Option(name: .long, help: "Payload sizes in bytes, separated by commas.")
        var sizes: String = "200,1300"

        @Option(name: .long, help: "plain, tls or both.")
        var transport: String = "both"

        @Flag(name: .long, help: "One JSON object.")
        var json = false

        func validate() throws {
            guard (1...100).contains(rounds) else { throw ValidationError("--rounds is 1 to 100") }
            guard (1000...50_000_000).contains(packets) else { throw ValidationError("--packets is 1000 to 50000000") }
            guard ["plain", "tls", "both"].contains(transport) else { throw ValidationError("--transport is plain, tls or both") }
        }

        func run() async throws {
            let bytes = sizes.split(separator: ",").compactMap { Int($0) }
            guard !bytes.isEmpty, bytes.allSatisfy({ (60...1_000_000).contains($0) }) else {
                throw ClusterError(.configuration, "--sizes '\(sizes)' are not sizes from 60 to 1000000")
            }
            let transports = transport == "both" ? [false, true] : [transport == "tls"]
            let bench = PathBench(rounds: rounds, packets: packets, sizes: bytes, transports: transports)
            let results = try await untilSignal { try await bench.run() }
            guard let results else { return }
            Console.print(json ? try results.json() : results.text)
        }
    }
}
