import ArgumentParser
import Cluster
import RedisClient

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check configuration, host, Redis, cluster and the way to the exchanges; say what to change.",
        discussion: """
            Nothing is changed: exchanges are greeted by TLS and not asked for a websocket. Exit code 1: something must be put right. With \
            --acl it prints users for Redis' ACL file, each with no more rights than it needs.
            """)

    @OptionGroup var common: CommonOptions

    @Option(name: .long, help: "Only these exchanges, separated by commas; `none` for none.")
    var exchanges: String?

    @Flag(name: .long, help: "Print least-privilege users for Redis' ACL file instead.")
    var acl = false

    func run() async throws {
        let configuration = try common.load().configuration
        if acl {
            let hasSentinels = configuration.redis.endpoint.sentinel != nil
            for line in AccessRules.lines(namespace: configuration.namespace, hasSentinels: hasSentinels) { Console.print(line) }
            return
        }
        Console.print("ok       configuration  read; `colony config` prints it with where each value came from")
        var ids = exchanges?.split(separator: ",").map { $0.lowercased() }
        if ids == ["none"] { ids = [] }
        var worst = DoctorFinding.Level.ok
        await Doctor(configuration, exchanges: ids).examine { finding in
            worst = max(worst, finding.level)
            let level = finding.level.rawValue
            let padding = String(repeating: " ", count: max(1, 9 - level.count))
            let area = finding.area + String(repeating: " ", count: max(1, 15 - finding.area.count))
            let shown = finding.level == .ok ? Console.colour(level, .green) : Console.colour(level, .bold)
            Console.print("\(shown)\(padding)\(area)\(finding.text)")
            if !finding.remedy.isEmpty { Console.print(String(repeating: " ", count: 24) + "-> \(finding.remedy)") }
        }
        if worst == .error { throw ExitCode(1) }
    }
}
