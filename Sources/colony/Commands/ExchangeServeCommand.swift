import ArgumentParser
import Cluster
import ColonyExchanges
import Simulator

struct ExchangeServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Simulate exchanges over wss (or ws) until Ctrl-C.",
        discussion: """
            Each exchange is at /<id>/<its own path>. With --config the exchanges that the file defines are served (alone, if --exchanges names \
            none): they take the requests and send the messages that their definition describes.

            The control socket takes one command per line:
            \(ControlHelp.text)
            """)

    @Option(name: .long, help: "Exchange ids, separated by commas; all that the simulator speaks otherwise.")
    var exchanges: String?

    @Option(name: .long, help: "Configuration file (YAML) whose own exchanges are served.")
    var config: String?

    @Option(name: .long, help: "Loopback port; 0: a free one.")
    var port: Int = 0

    @Option(name: .long, help: "Address to listen on, and the name in the certificate.")
    var host: String = "127.0.0.1"

    @Flag(name: .long, help: "Without TLS.")
    var plain = false

    @Option(name: .long, help: "Messages per second of each subscribed stream.")
    var rate: Double = 10

    @Option(name: .long, help: "Symbols traded instead of the usual ones: exchange=A,B; may be repeated.")
    var symbols: [String] = []

    @Flag(name: .long, help: "Every symbol exists.")
    var anySymbol = false

    @Option(name: .long, help: "Seed of the generated market.")
    var seed: UInt64 = 1

    @Option(name: .long, help: "Cut connections of this age, e.g. 60s, at every exchange.")
    var age: String?

    @Option(name: .long, help: "Multiply all heartbeat intervals and deadlines by this.")
    var heartbeatFactor: Double = 1

    @Option(name: .long, help: "A standing fault from the start, as on the control socket, e.g. 'mute binance'; may be repeated.")
    var fault: [String] = []

    @Option(name: .long, help: "Take commands there: a loopback port, or the path of a unix socket.")
    var control: String?

    @Option(name: .long, help: "Record of sockets and packets, JSON lines.")
    var truth: String?

    @Option(name: .long, help: "Directory for the certificate authority's ca.pem.")
    var directory: String?

    @Option(name: .long, help: "Play a recording instead of the market: exchange=FILE; may be repeated.")
    var replay: [String] = []

    @Option(name: .long, help: "Speed of the recording: 1 is as recorded, `max` as fast as the client takes it.")
    var speed: String = "1"

    @Option(name: .long, help: "What follows the end of a recording: idle, close or loop.")
    var replayEnd = "idle"

    @Option(name: .customLong("for"), help: "End by itself after this time.")
    var duration: String?

    func run() async throws {
        let simulation = try simulation()
        let limit = try duration.map { try DurationText.parse($0, option: "--for") }
        let simulator: ExchangeSimulator
        do {
            simulator = try await ExchangeSimulator.start(simulation)
        } catch let error as SimulatorError {
            throw ClusterError(error.code == .bind ? .inUse : error.code == .configuration ? .exchange : .simulator, error.description)
        }
        for id in simulator.exchanges { Console.print("\(id)  \(try simulator.url(id))") }
        if let ca = simulator.caFile { Console.print("certificate authority: \(ca)") }
        if let port = simulator.controlPort { Console.print("control: 127.0.0.1:\(port)") }
        if case .unix(let path) = simulation.control { Console.print("control: \(path)") }
        // Ends with the signal; nothing else can end it early.
        _ = try? await untilSignal { try await Task.sleep(for: limit ?? .seconds(1_000_000_000)) }
        try await simulator.stop()
        for summary in simulator.truth.summaries where summary.socketsOpened > 0 {
            Console.print(
                "\(summary.exchange): \(summary.packets.of("packet")) over \(summary.socketsOpened.of("socket")), at most \(summary.mostOpen) at once"
            )
        }
    }

    private func simulation() throws -> SimulatorConfiguration {
        var simulation = SimulatorConfiguration()
        simulation.exchanges = exchanges?.split(separator: ",").map { $0.lowercased() } ?? []
        if let config {
            let loaded = try ConfigurationLoader(file: config, environment: ProcessEnvironment.variables).load().configuration
            simulation.defined = loaded.defined.values.sorted { $0.id < $1.id }
            guard !simulation.defined.isEmpty else {
                throw ClusterError(.configuration, "--config \(config) defines no exchange of its own")
            }
            for definition in simulation.defined {
                let wanted = loaded.settings(of: definition.id).topics.map(\.symbol).filter { $0 != Topic.allSymbols }
                simulation.market.symbols[definition.id] = wanted
            }
        }
        simulation.port = port
        simulation.host = host
        simulation.isTLS = !plain
        guard rate >= 0 else { throw ClusterError(.configuration, "--rate \(rate) is below 0") }
        simulation.market.messagesPerSecond = rate
        simulation.market.acceptsAnySymbol = anySymbol
        for text in symbols {
            let (exchange, list) = try pair(text, "--symbols", "exchange=A,B")
            simulation.market.symbols[exchange, default: []] += list.split(separator: ",").map(String.init)
        }
        simulation.seed = seed
        guard heartbeatFactor > 0, heartbeatFactor <= 1000 else {
            throw ClusterError(.configuration, "--heartbeat-factor \(heartbeatFactor) is not above 0 and at most 1000")
        }
        simulation.heartbeatFactor = heartbeatFactor
        if let age = try age.map({ try DurationText.parse($0, option: "--age") }) {
            simulation.adjustRules = { _, rules in rules.maxAge = age }
        }
        simulation.faults = try fault.map(standing)
        if let control { simulation.control = Int(control).map { .loopback(port: $0) } ?? .unix(path: control) }
        simulation.truthPath = truth
        simulation.directory = directory
        simulation.replays = try plans()
        return simulation
    }

    private func standing(_ text: String) throws -> (exchange: String, fault: Fault) {
        do throws(SimulatorError) {
            guard case .fault(let fault, let exchange, nil) = try ControlCommand(parsing: text), fault.isStanding else {
                throw SimulatorError(.command, "it happens once, or to one socket; give it on the control socket")
            }
            return (exchange, fault)
        } catch {
            throw ClusterError(.configuration, "--fault '\(text)': \(error.description)")
        }
    }

    private func pair(_ text: String, _ option: String, _ form: String) throws -> (String, String) {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw ClusterError(.configuration, "\(option) '\(text)' is not \(form)")
        }
        return (text[..<equals].lowercased(), String(text[text.index(after: equals)...]))
    }

    private func plans() throws -> [ReplayPlan] {
        let pace: ReplayPlan.Pace
        if speed == "max" {
            pace = .max
        } else {
            guard let factor = Double(speed), factor > 0 else {
                throw ClusterError(.configuration, "--speed '\(speed)' is neither a factor such as 1 or 10 nor max")
            }
            pace = .factor(factor)
        }
        guard let end = ProgramEnd(rawValue: replayEnd) else {
            throw ClusterError(.configuration, "--replay-end '\(replayEnd)' is none of idle, close, loop")
        }
        return try replay.map { text in
            let (exchange, file) = try pair(text, "--replay", "exchange=FILE")
            return ReplayPlan(exchange: exchange, file: file, pace: pace, end: end)
        }
    }
}
