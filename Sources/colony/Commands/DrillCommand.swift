import ArgumentParser
import Cluster
import Drills
import Simulator

struct DrillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract: "Failover drills: break a private cluster on purpose, and judge what it promised.",
        discussion: """
            Starts Redis, simulated exchanges over wss and hosts with workers of its own, drives load, brings the fault about at random moments \
            of the seed, waits for recovery between the runs, and judges by the exchanges' own record and the history checker. Ctrl-C takes \
            everything down. Exit codes: 0 all promises kept, 1 one was broken (it is named), 2 the drill could not be run.
            """)

    @Argument(help: "Kind of drill; --list explains each.")
    var kind: String?

    @Flag(name: .long, help: "Explain the kinds.")
    var list = false

    @Option(name: .long, help: "How often the fault is brought about.")
    var runs: Int?

    @Option(name: .long, help: "Worker processes.")
    var workers: Int?

    @Option(name: .long, help: "Exchanges: how many, or ids separated by commas. One feed each.")
    var exchanges: String?

    @Option(name: .long, help: "Messages per second of each subscribed stream.")
    var rate: Double?

    @Option(name: .long, help: "How long, for the kinds that go on for a time (flap, soak).")
    var minutes: Double?

    @Option(name: .long, help: "Least time between admitted disconnects; 0s: none. The default depends on the kind and is reported.")
    var pace: String?

    @Option(name: .long, help: "Round-trip time between workers and exchanges, e.g. 40ms: real exchanges are 5 to 200 ms away.")
    var latency: String?

    @Option(name: .long, help: "Seed of moments and victims; printed, to be given again.")
    var seed: UInt64?

    @Option(name: .long, help: "Write the result as JSON to this file.")
    var json: String?

    @Option(name: .long, help: "Write a report with timelines to this file.")
    var html: String?

    @Option(name: .long, help: "Keep configurations, logs and the recording in this directory.")
    var keep: String?

    @Option(name: .long, help: "auto, namespaces (a network namespace per host; needs root) or loopback (with fault proxies).")
    var network = "auto"

    @Option(name: .customLong("set"), help: "One setting of all workers, `key=value`; may be repeated.")
    var settings: [String] = []

    @Flag(name: .customLong("no-deadman"), help: "freeze: workers without the dead-man timer; the frozen host thaws again.")
    var withoutDeadman = false

    @Option(
        name: .long,
        help:
            "Configuration of a running staging cluster instead of a private one; only the kinds kill, move and deploy, which it survives.")
    var target: String?

    @Option(name: .customLong("without"), help: .hidden)
    var sabotage: String?

    @Option(name: .long, help: "Log level of the workers.")
    var logLevel = "info"

    func run() async throws {
        if list {
            for kind in DrillKind.allCases { Console.print(kind.rawValue.padded(to: 15) + kind.explanation) }
            return
        }
        do {
            try await drill()
        } catch is CancellationError {
            Console.error("colony: interrupted; the cluster was taken down")
            throw ExitCode(2)
        } catch let error as DrillError {
            Console.error("colony: \(error.description)")
            throw ExitCode(2)
        } catch let error as ClusterError {
            Console.error("colony: \(error.description)")
            throw ExitCode(2)
        } catch let error as SimulatorError {
            Console.error("colony: \(error.description)")
            throw ExitCode(2)
        }
    }

    private func drill() async throws {
        guard let kind else { throw DrillError(.usage, "name a kind of drill; `colony drill --list` explains them") }
        guard let known = DrillKind(rawValue: kind) else {
            throw DrillError(
                .usage, "'\(kind)' is no kind of drill; there are \(DrillKind.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        if let target { return try await drill(known, target: target) }
        let plan = try DrillPlan(try options(known))
        let report = try await untilSignal { try await Drill.run(plan) { Console.print($0) } }
        guard let report else { throw DrillError(.setup, "interrupted; the cluster was taken down") }
        Console.print(report.text)
        if let json { try TextFile.write(try report.json(), to: json) }
        if let html { try TextFile.write(report.html, to: html) }
        guard report.isKept else {
            for promise in report.broken { Console.error("colony: the promise '\(promise.id)' was broken: \(promise.detail)") }
            throw ExitCode(1)
        }
    }

    private func drill(_ kind: DrillKind, target: String) async throws {
        let loaded = try ConfigurationLoader(file: target, environment: ProcessEnvironment.variables).load()
        let client = try await ClusterClient.connect(loaded.configuration)
        defer { client.close() }
        let drill = try TargetDrill(kind: kind, client: client, runs: runs ?? 1, seed: seed ?? UInt64.random(in: 1...999_999)) {
            Console.print($0)
        }
        guard let result = try await untilSignal({ try await drill.run() }) else { throw DrillError(.setup, "interrupted") }
        for promise in result.promises { Console.print("\(promise.kept ? "kept  " : "BROKEN")  \(promise.id): \(promise.detail)") }
        if let json { try TextFile.write(try result.json(), to: json) }
        if !result.isKept { throw ExitCode(1) }
    }

    private func options(_ kind: DrillKind) throws -> DrillOptions {
        var options = DrillOptions(kind: kind, seed: seed ?? UInt64.random(in: 1...999_999), executable: ProcessInformation.executable)
        options.runs = runs
        options.workers = workers
        options.rate = rate
        options.minutes = minutes
        options.pace = try pace.map { try DurationText.parse($0, option: "--pace") }
        options.latency = try latency.map { try DurationText.parse($0, option: "--latency") }
        options.keep = keep
        options.settings = settings
        options.logLevel = logLevel
        options.hasDeadman = !withoutDeadman
        if let exchanges {
            if let count = Int(exchanges) {
                options.exchangeCount = count
            } else {
                options.exchanges = exchanges.split(separator: ",").map { $0.trimmingSpaces().lowercased() }
            }
        }
        guard let network = DrillOptions.Network(rawValue: network) else {
            throw DrillError(.usage, "--network '\(network)' is none of auto, namespaces, loopback")
        }
        options.network = network
        if let sabotage {
            guard let known = DrillOptions.Sabotage(rawValue: sabotage) else {
                throw DrillError(.usage, "--without '\(sabotage)' is none of fencing, deadman, pace")
            }
            options.sabotage = known
        }
        return options
    }
}

extension String {
    func padded(to width: Int) -> String { count >= width ? self + " " : self + String(repeating: " ", count: width - count) }
}
