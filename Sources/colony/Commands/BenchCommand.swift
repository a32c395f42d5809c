import ArgumentParser
import Cluster
import Glibc

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Benchmarks: this program beside others that do the same work, interleaved in one run.",
        subcommands: [PathCommand.self, LeasesCommand.self, DrainCommand.self])

    struct PathCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "path",
            abstract:
                "Websocket in to Redis out: CPU per packet, packets per second, latency and memory, beside programs that do the same work.",
            discussion: """
                scripts/bench builds everything in release, prepares the peers in other languages and runs this. Every measurement has a Redis and a \
                source of its own; the programs take turns within each round. Medians over the rounds; quote ratios.
                """)

        @Option(name: .long, help: "Rounds, each with every program in turn.")
        var rounds: Int = 5

        @Option(name: .long, help: "Packets per measurement; slow programs get fewer.")
        var packets: Int = 400_000

        @Option(name: .long, help: "Payload sizes in bytes, separated by commas.")
        var sizes: String = "200,1300"

        @Option(name: .long, help: "plain, tls or both.")
        var transport: String = "both"

        @Option(name: .long, help: "What to measure, separated by commas: throughput, latency, streams.")
        var parts: String = "throughput,latency,streams"

        @Option(name: .long, help: "Rates of the latency measurements, packets per second.")
        var rates: String = "1000,10000,50000"

        @Option(name: .long, help: "Seconds of each latency measurement.")
        var seconds: Double = 4

        @Flag(name: .long, help: "One round, 200 bytes, fewer packets: whether it works, not how fast it is.")
        var quick = false

        @Option(name: .long, help: "Directory with the peers in other languages, as scripts/bench prepares it.")
        var peers: String?

        @Option(name: .long, help: "Another build of this program, measured beside this one.")
        var against: String?

        @Flag(name: .long, help: "One JSON object instead of tables.")
        var json = false

        @Option(name: .long, help: "Write the JSON object to this file too.")
        var output: String?

        func validate() throws {
            guard (1...100).contains(rounds) else { throw ValidationError("--rounds is 1 to 100") }
            guard (1000...50_000_000).contains(packets) else { throw ValidationError("--packets is 1000 to 50000000") }
            guard ["plain", "tls", "both"].contains(transport) else { throw ValidationError("--transport is plain, tls or both") }
            guard (0.5...600).contains(seconds) else { throw ValidationError("--seconds is 0.5 to 600") }
        }

        func run() async throws {
            let executable = ProcessInformation.executable
            let directory = String(executable.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/"))
            let programs = try await PathPrograms.find(directory: directory, peers: peers, against: against)
            var bench = PathBench(programs: programs, directory: directory)
            bench.rounds = quick ? 1 : rounds
            bench.packets = quick ? 50_000 : packets
            bench.sizes = quick ? [200] : try numbers(sizes, "--sizes", 60...1_000_000)
            bench.transports = transport == "both" ? [false, true] : [transport == "tls"]
            bench.rates = quick ? [10_000] : try numbers(rates, "--rates", 1...1_000_000)
            bench.seconds = quick ? 1 : seconds
            bench.parts = try parts.split(separator: ",").map { text in
                guard let part = PathBench.Part(rawValue: String(text)) else {
                    throw ClusterError(.configuration, "--parts '\(text)' is none of throughput, latency, streams")
                }
                return part
            }
            let results = try await untilSignal { [bench] in try await bench.run() }
            guard let results else { return }
            if let output { try TextFile.write(try results.json() + "\n", to: output) }
            Console.print(json ? try results.json() : results.text)
        }

        private func numbers(_ text: String, _ option: String, _ range: ClosedRange<Int>) throws -> [Int] {
            let values = text.split(separator: ",").map { Int($0) ?? -1 }
            guard !values.isEmpty, values.allSatisfy(range.contains) else {
                throw ClusterError(.configuration, "\(option) '\(text)' are not numbers from \(range.lowerBound) to \(range.upperBound)")
            }
            return values
        }
    }

    struct LeasesCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "leases",
            abstract: "What the control plane of many workers costs Redis: renewals, observations, beats, at the real rates.")

        @Option(name: .long, help: "Workers, each with its own connection.")
        var workers: Int = 1000

        @Option(name: .long, help: "Feeds, all held.")
        var feeds: Int = 5000

        @Option(name: .long, help: "Budget groups the feeds are spread over.")
        var groups: Int = 40

        @Option(
            name: .long,
            help: "Watchers of each feed: 2 is the worst case, 1 the usual one, in which the holder itself is the first-ranked.")
        var watchers: Int = 2

        @Option(name: .long, help: "Seconds of measuring.")
        var seconds: Double = 20

        @Flag(name: .long, help: "One JSON object instead of tables.")
        var json = false

        func validate() throws {
            guard (3...20_000).contains(workers) else { throw ValidationError("--workers is 3 to 20000") }
            guard (1...1_000_000).contains(feeds) else { throw ValidationError("--feeds is 1 to 1000000") }
            guard (1...feeds).contains(groups) else { throw ValidationError("--groups is 1 to the number of feeds") }
            guard (0...2).contains(watchers) else { throw ValidationError("--watchers is 0 to 2") }
            guard (1...3600).contains(seconds) else { throw ValidationError("--seconds is 1 to 3600") }
        }

        func run() async throws {
            var bench = LeaseBench()
            bench.workers = workers
            bench.feeds = feeds
            bench.groups = groups
            bench.watchers = watchers
            bench.seconds = seconds
            guard let results = try await untilSignal({ [bench] in try await bench.run() }) else { return }
            Console.print(json ? try results.json() : results.text)
        }
    }
}
