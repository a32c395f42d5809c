import ArgumentParser
import Cluster
import Coordination

struct DeployCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy", abstract: "Replace workers one by one with processes of the program that is on disk now.",
        discussion: """
            Install the new program first, on every host. Supervisors are taken one after the other; each empties a worker, ends it, and goes \
            on when its successor beats. A feed moves when the pace of its exchange is free, so with the usual 60 s a deploy takes a minute \
            or two, whatever the number of workers. SIGHUP to a supervisor does the same for its own workers.
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: "Supervisors (names of `colony worker`, without the number); all when none is named.")
    var supervisors: [String] = []

    @Option(name: .long, help: "How long to wait for each supervisor.")
    var timeout: String = "15m"

    func run() async throws {
        let limit = try DurationText.parse(timeout, option: "--timeout")
        let client = try await ClusterClient.connect(try common.load().configuration)
        defer { client.close() }
        let known = try await client.supervisors()
        let unknown = supervisors.filter { name in !known.contains { $0.name == name } }
        guard unknown.isEmpty, !known.isEmpty else {
            let names = known.isEmpty ? "none" : known.map(\.name).joined(separator: ", ")
            throw ClusterError(.refused, "no supervisor \(unknown.joined(separator: ", ")) is there; there are: \(names)")
        }
        var empty: String?
        for supervisor in known where supervisors.isEmpty || supervisors.contains(supervisor.name) {
            Console.print("\(supervisor.name) on \(supervisor.host): \(supervisor.workers) workers")
            let answer = try await client.deploy(supervisor.name, to: empty, within: limit) { Console.print($0) }
            Console.print("\(supervisor.name): \(answer.detail)")
            empty = "\(supervisor.name)-\(supervisor.workers)"
        }
    }
}
