import ArgumentParser
import Cluster
import Glibc
import Simulation
import Synchronization

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "The cluster in virtual time: workers, Redis, network and exchange under random faults, judged after every step.",
        discussion: """
            One seed is one run and always the same run. A failure prints the seed, the promise that was broken, and the shortest list of faults \
            found that still breaks it; exit code 1. --mutations switches one rule after the other off and shows which seed notices.
            """)

    @Option(name: .long, help: "Seeds to run: A..B, both included, or one.")
    var seeds: String = "1..100"

    @Option(name: .long, help: "Virtual minutes with faults; the quiet end of a run comes on top.")
    var minutes: Int = 10

    @Option(name: .long, help: "Workers.")
    var workers: Int = 5

    @Option(name: .long, help: "Feeds.")
    var feeds: Int = 8

    @Option(name: .long, help: "Symbols of each feed.")
    var symbols: Int = 3

    @Option(name: .long, help: "Runs at the same time; 0: one per core.")
    var jobs: Int = 0

    @Option(
        name: .long,
        help: ArgumentHelp("Switch a rule off: \(Mutation.allCases.map(\.rawValue).joined(separator: " ")).", valueName: "name"))
    var mutation: String?

    @Flag(name: .long, help: "A table of all mutations, and which of the seeds caught each.")
    var mutations = false

    @Flag(name: .long, help: "Print everything that happens in the (first) run.")
    var trace = false

    @Flag(name: .long, help: "Do not shrink the list of faults of a failure.")
    var noShrink = false

    func validate() throws {
        guard (1...1440).contains(minutes) else { throw ValidationError("--minutes is 1 to 1440") }
        guard (1...64).contains(workers) else { throw ValidationError("--workers is 1 to 64") }
        guard (1...1000).contains(feeds) else { throw ValidationError("--feeds is 1 to 1000") }
        guard (1...100).contains(symbols) else { throw ValidationError("--symbols is 1 to 100") }
        guard (0...256).contains(jobs) else { throw ValidationError("--jobs is 0 to 256") }
        guard range != nil else { throw ValidationError("--seeds is A..B with A at most B, for instance 1..1000, or one number") }
        if let mutation, Mutation(rawValue: mutation) == nil {
            throw ValidationError("--mutation is one of: \(Mutation.allCases.map(\.rawValue).joined(separator: " "))")
        }
    }

    private var range: ClosedRange<UInt64>? {
        let parts = seeds.replacing("...", with: "..").split(separator: "..").map { UInt64($0) }
        guard let first = parts.first, let low = first, parts.count <= 2, let high = parts.count == 2 ? parts[1] : low, low <= high else {
            return nil
        }
        return low...high
    }

    private var campaign: Campaign {
        var campaign = Campaign(seeds: range ?? 1...1)
        campaign.minutes = minutes
        campaign.workers = workers
        campaign.feeds = feeds
        campaign.symbols = symbols
        campaign.mutation = mutation.flatMap { Mutation(rawValue: $0) }
        campaign.jobs = jobs > 0 ? jobs : max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        return campaign
    }

    func run() async throws {
        if trace { return try traceRun() }
        if mutations { return try await tabulate() }
        let lastPrint = Mutex(ContinuousClock.now)
        let told = Mutex(0)
        let total = campaign.seeds.count
        let outcome = try await untilSignal { [campaign] in
            await campaign.run { outcome in
                // At once: the rest may take an hour.
                let new = told.withLock { told in
                    defer { told = outcome.failures.count }
                    return outcome.failures.dropFirst(told)
                }
                for failure in new { Console.error("seed \(failure.seed) broke \(failure.violation)") }
                let isDue = lastPrint.withLock { last in
                    guard ContinuousClock.now - last > .seconds(5) else { return false }
                    last = .now
                    return true
                }
                if isDue { Console.error(Self.progress(outcome, of: total)) }
            }
        }
        guard let outcome else { return }
        Console.print(SimulationReport.text(outcome, campaign))
        for failure in outcome.failures { explain(failure) }
        if !outcome.failures.isEmpty { throw ExitCode(1) }
    }

    private static func progress(_ outcome: Campaign.Outcome, of total: Int) -> String {
        "\(outcome.runs) of \(total) runs, \(SimulationReport.rounded(outcome.runsPerSecond)) runs/s, "
            + "\(Int(outcome.timesRealTime)) x real time, \(outcome.failures.count) failed"
    }

    private func explain(_ failure: Campaign.Failure) {
        Console.print("\nseed \(failure.seed) broke \(failure.violation)")
        guard !noShrink else { return }
        let shrunk = Shrinking.shrink(campaign.scenario(seed: failure.seed), failure.violation)
        Console.print("still with these \(shrunk.plan.count) of its faults:")
        for fault in shrunk.plan { Console.print("  \(fault)") }
        let again = Simulation(shrunk, isTracing: true)
        again.run()
        Console.print("the last of what happened then:")
        for line in again.lines.suffix(40) { Console.print("  \(line)") }
    }

    private func traceRun() throws {
        let simulation = Simulation(campaign.scenario(seed: campaign.seeds.lowerBound), isTracing: true)
        simulation.run()
        for line in simulation.lines { Console.print(line) }
        Console.print("trace \(String(simulation.trace, radix: 16)), \(simulation.steps) events")
        if let violation = simulation.violation {
            Console.print("broke \(violation)")
            throw ExitCode(1)
        }
    }

    private func tabulate() async throws {
        let table = MutationTable(campaign: campaign)
        let rows = try await untilSignal { await table.run { Console.error($0.line) } }
        guard let rows else { return }
        Console.print(SimulationReport.text(rows, campaign))
        guard rows.allSatisfy(\.isExpected) else { throw ExitCode(1) }
    }
}
