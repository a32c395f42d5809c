import ArgumentParser
import Cluster
import ColonyExchanges
import Conformance
import FoundationEssentials
import Simulator

struct ExchangeConformanceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conformance", abstract: "Run dialects against the simulated exchanges and tell which of their duties they meet.",
        discussion: """
            Each dialect runs through the client path of production: websocket, subscriptions, heartbeats. The exchange enforces its rules, with a \
            clock that runs faster. Exit code 1 names the first duty that was not met.
            """)

    enum Style: String, ExpressibleByArgument, CaseIterable {
        case documented, legacy2020, both
    }

    @Argument(help: "Exchange ids, or `all`.")
    var ids: [String]

    @Option(name: .long, help: "documented, legacy2020 (what the original client sent; only ids it knew) or both.")
    var heartbeat = Style.both

    @Option(name: .long, help: "Write the reports there as JSON.")
    var json: String?

    @Option(name: .long, help: "Real time of one heartbeat period.")
    var period = "1s"

    @Option(name: .long, help: "Exchanges tried at the same time.")
    var width = 12

    @Flag(name: .long, help: "Without TLS.")
    var plain = false

    func validate() throws {
        guard !ids.isEmpty else { throw ValidationError("name an exchange id, or all") }
        guard (1...200).contains(width) else { throw ValidationError("--width must be from 1 to 200") }
    }

    func run() async throws {
        var settings = ConformanceSettings()
        settings.period = try DurationText.parse(period, option: "--period")
        guard settings.period >= .milliseconds(100) else {
            throw ClusterError(.configuration, "--period \(period) is below 100ms: nobody could answer in time")
        }
        settings.isTLS = !plain
        let trials = try trials()
        let json = json
        var table = TextTable(["ID", "STYLE"] + Duty.allCases.map { $0.rawValue.uppercased() })
        let reports: [ConformanceReport]
        do {
            reports = try await Conformance.run(trials, settings: settings, width: width) { report in
                let worst = report.failures.first.map { "\($0.duty.rawValue) not met: \($0.detail)" } ?? "ok"
                Console.error("\(report.id) (\(report.style.rawValue)) \(worst)")
            }
        } catch let error as SimulatorError {
            throw ClusterError(.simulator, error.description)
        }
        for report in reports {
            table.add([report.id, report.style.rawValue] + Duty.allCases.map { report.outcomes[$0]?.word ?? "-" })
        }
        Console.print(table.text)
        if let json { try ConformanceFile(reports).write(to: json) }
        let failures = reports.flatMap { report in
            report.failures.map { "\(report.id) (\(report.style.rawValue)): \($0.duty.rawValue): \($0.detail)" }
        }
        for failure in failures { Console.print("NOT MET  \(failure)") }
        let ids = Set(reports.map(\.id)).count
        guard failures.isEmpty else {
            Console.error("colony: \(failures.count) duties not met; the first: \(failures[0])")
            throw ExitCode(1)
        }
        Console.print("\(ids) exchanges, \(reports.count) runs: every duty met")
    }

    private func trials() throws -> [(id: String, style: HeartbeatStyle)] {
        let wanted = ids.contains("all") ? Exchanges.all.map(\.profile.id) : ids.map { $0.lowercased() }
        var trials: [(id: String, style: HeartbeatStyle)] = []
        for id in wanted {
            do throws(DialectError) { _ = try Exchanges.dialect(id) } catch { throw ClusterError(.exchange, error.description) }
            for style in Conformance.styles(of: id) where heartbeat == .both || heartbeat.rawValue == style.rawValue {
                trials.append((id, style))
            }
        }
        guard !trials.isEmpty else {
            throw ClusterError(.exchange, "the original client knew none of \(wanted.joined(separator: ", ")); use --heartbeat documented")
        }
        return trials
    }
}

/// The reports as JSON: `{"exchanges":[{"id","style","duties":{"connect":{"outcome","detail"},..}}]}`.
private struct ConformanceFile: Encodable {
    struct Row: Encodable {
        var id: String
        var style: String
        var duties: [String: Entry]
    }

    struct Entry: Encodable {
        /// `met`, `not met`, `n/a`
        var outcome: String
        var detail: String
    }

    var exchanges: [Row]

    init(_ reports: [ConformanceReport]) {
        exchanges = reports.map { report in
            var duties: [String: Entry] = [:]
            for (duty, outcome) in report.outcomes { duties[duty.rawValue] = Entry(outcome: outcome.word, detail: outcome.detail) }
            return Row(id: report.id, style: report.style.rawValue, duties: duties)
        }
    }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        do {
            try encoder.encode(self).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw ClusterError(.configuration, "--json \(path) cannot be written: \(error)")
        }
    }
}
