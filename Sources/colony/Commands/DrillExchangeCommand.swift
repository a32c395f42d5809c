import ArgumentParser
import Cluster
import FaultInjection
import RedisClient
import Simulator

/// The simulated exchanges of a drill, in a process of their own; started by `colony drill`.
struct DrillExchangeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill-exchange", abstract: "The simulated exchanges of a drill; `colony drill` starts it.", shouldDisplay: false)

    @Option(name: .long, help: "Address to listen at.") var host: String
    @Option(name: .long, help: "Exchange ids, separated by commas.") var exchanges: String
    @Option(name: .long, help: "Messages per second of each subscribed stream.") var rate: Double
    @Option(name: .long, help: "Seed of the generated market.") var seed: UInt64
    @Option(name: .long, help: "Where ca.pem goes.") var directory: String
    @Option(name: .long, help: "Record of sockets and packets.") var truth: String
    @Option(name: .long, help: "Unix socket for commands.") var control: String
    @Option(name: .long, help: "Round-trip time to whoever connects.") var latency = "0ms"
    @Flag(name: .long, help: "Clients come through proxies that announce them.") var announced = false
    @Option(name: .long, help: "Factor of all heartbeat times.") var heartbeatFactor: Double = 1

    func run() async throws {
        var simulation = SimulatorConfiguration()
        simulation.host = host
        simulation.names = [host]
        simulation.exchanges = exchanges.split(separator: ",").map(String.init)
        simulation.market.messagesPerSecond = rate
        simulation.seed = seed
        simulation.directory = directory
        simulation.truthPath = truth
        simulation.truthMemory = 0
        simulation.control = .unix(path: control)
        simulation.heartbeatFactor = heartbeatFactor
        let roundTripTime = try DurationText.parse(latency, option: "--latency")
        // The record is to name the workers' own addresses.
        simulation.hasProxyHeaders = announced || roundTripTime > .zero
        let simulator = try await ExchangeSimulator.start(simulation)
        // In this process, so that a cut of a host's link acts on the real connection between the host and here.
        let way =
            roundTripTime > .zero
            ? try await FaultProxy.start(
                to: .tcp(host: host, port: simulator.port), host: host, roundTripTime: roundTripTime, announcesClients: !announced) : nil
        Console.print("port \(way?.port ?? simulator.port)")
        Console.print("ca \(simulator.caFile ?? "")")
        for id in simulator.exchanges {
            let url = try simulator.url(id)
            // Scheme and path: hosts reach the port by different ways.
            let scheme = url.prefix { $0 != ":" }
            let path = url.dropFirst(scheme.count + 3).drop { $0 != "/" }
            Console.print("url \(id) \(scheme):\(path)")
        }
        Console.print("ready .")
        // Until it is told to end; the cancellation is what ends the wait.
        _ = try? await untilSignal { try await Task.sleep(for: .seconds(1_000_000_000)) }
        try await simulator.stop()
        try await way?.stop()
    }
}
