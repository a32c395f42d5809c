import ArgumentParser
import Cluster
import Coordination

struct MoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "move", abstract: "Hand a feed over to another worker, and watch until it is live there.",
        discussion: """
            Only the owner gives a feed up, so it is asked to; it refuses while the last disconnect of the exchange is less than its pace \
            (60 s) ago, because the successor would have to cool down. Ends with the time without a websocket. Exit code 1: refused, or \
            not done in time.
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: "Feed, e.g. binance; `colony status` lists them.")
    var feed: String

    @Option(name: .long, help: "Worker that is to have it; without it, the best one.")
    var to: String?

    @Flag(name: .long, help: "Also within the pace: the exchange stays without a websocket until the pace is over.")
    var force = false

    @Option(name: .long, help: "How long to wait for the result.")
    var timeout: String = "90s"

    func run() async throws {
        let limit = try DurationText.parse(timeout, option: "--timeout")
        let client = try await ClusterClient.connect(try common.load().configuration)
        defer { client.close() }
        let move = try await client.move(FeedName(feed.lowercased()), to: to, force: force, within: limit) { Console.print($0) }
        let gap = move.gapMilliseconds.map { "\($0) ms without a websocket" } ?? "it had no websocket before"
        Console.print("\(move.feed) moved from \(move.from) to \(move.to): \(gap)")
    }
}

struct DrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Empty a worker, or all workers of a host: every feed is handed over.",
        discussion: """
            Each feed goes when the pace of its exchange is free, to a successor that has its TLS up already: the shortest gap the rules \
            allow. `--now` does not wait. The worker's process goes on and takes no feeds until `--undo` or until it starts anew. SIGTERM to \
            a worker drains too, within `drain.limit`, and ends it. Where no other worker is ready it says so and drains all the same: whoever \
            shuts a host down has decided already.
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: "Worker or host; `colony status` lists them.")
    var name: String?

    @Flag(name: .long, help: "All workers of this host.")
    var here = false

    @Option(name: .long, help: "Worker that is to have all the feeds; without it, the best one for each.")
    var to: String?

    @Flag(name: .long, help: "All at once, also within the pace: those exchanges cool down at the successor.")
    var now = false

    @Flag(name: .long, help: "Take feeds again.")
    var undo = false

    @Option(name: .long, help: "How long to wait for the result.")
    var timeout: String = "5m"

    func validate() throws {
        guard (name == nil) == here else { throw ValidationError("name one worker or host, or give --here") }
    }

    func run() async throws {
        let limit = try DurationText.parse(timeout, option: "--timeout")
        let client = try await ClusterClient.connect(try common.load().configuration)
        defer { client.close() }
        let workers = try await client.workers(named: name ?? client.configuration.worker.host)
        if !undo, let warning = DrainOutlook(draining: workers, of: try await client.status()).warning {
            Console.error("colony: warning: \(warning)")
        }
        for worker in workers {
            if undo {
                let answer = try await client.undrain(worker) { Console.print($0) }
                Console.print("\(worker): \(answer.detail)")
                continue
            }
            let started = LocalTime.now()
            let answer = try await client.drain(worker, to: to, force: now, within: limit) { Console.print($0) }
            let took = (LocalTime.now() - started).wholeMilliseconds
            Console.print("\(worker) drained in \(took / 1000).\(took % 1000 / 100) s: \(answer.detail)")
        }
    }
}

struct RebalanceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebalance", abstract: "Show how evenly the feeds are spread; with --now, even out.",
        discussion: """
            Workers even out by themselves, slowly: rounds a minute apart, no feed younger than ten minutes, never within the pace. `--now` \
            waits for nothing but the pace.
            """)

    @OptionGroup var common: CommonOptions

    @Flag(name: .long, help: "Give away at once what is above a worker's share.")
    var now = false

    func run() async throws {
        let client = try await ClusterClient.connect(try common.load().configuration)
        defer { client.close() }
        if now {
            let answers = try await client.rebalance { Console.print($0) }
            for answer in answers {
                Console.print("\(answer.worker): \(answer.detail)\(answer.left.isEmpty ? "" : ": \(answer.left.joined(separator: ", "))")")
            }
            return
        }
        let members = try await client.members().filter { $0.state == .ready }
        let total = members.reduce(0) { $0 + $1.load }
        let weights = members.reduce(0) { $0 + $1.weight }
        var table = TextTable(["WORKER", "HOST", "WEIGHT", "LOAD", "SHARE", "CAP"], rightAligned: [2, 3, 4, 5])
        for member in members {
            let share = PlacementSettings.mean(total: total, weight: member.weight, weights: weights)
            let cap = client.configuration.placement.cap(total: total, weight: member.weight, weights: weights)
            table.add([
                member.name, member.host, "\(member.weight)", "\(member.load)", "\((share * 10).rounded() / 10)", "\(cap)",
            ])
        }
        Console.print(table.text)
    }
}
