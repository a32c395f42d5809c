import Simulator
import TestSupport

/// Runs `body` with a simulator of a free port that pushes data only on command, and stops it.
func withSimulator<Result>(
    _ exchanges: [String] = ["binance", "huobi", "kraken"], tls: Bool = false, base: SimulatorConfiguration = SimulatorConfiguration(),
    isPushed: Bool = true, _ body: (ExchangeSimulator) async throws -> Result
) async throws -> Result {
    var configuration = base
    configuration.exchanges = exchanges
    configuration.isTLS = tls
    if tls, configuration.directory == nil { configuration.directory = try OrphanGuard.shared.makeDirectory("simulator") }
    if isPushed { configuration.market.messagesPerSecond = 0 }
    let simulator = try await ExchangeSimulator.start(configuration)
    do {
        let result = try await body(simulator)
        try await simulator.stop()
        return result
    } catch {
        try await simulator.stop()
        throw error
    }
}
