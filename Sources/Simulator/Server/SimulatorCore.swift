internal import ColonyExchanges
internal import NIOCore
internal import NIOSSL
internal import Synchronization

/// What all connections of a simulator share.
final class SimulatorCore: Sendable {
    /// An exchange that is served.
    struct Exchange: Sendable {
        var id: String
        var dialect: any ServerDialect
        var rules: ServerRules
        var listings: Listings
        var program: Program
    }

    /// Where an exchange's data come from.
    enum Program: Sendable {
        case market
        case replay(Recording, ReplayPlan)
        case source(SourcePlan)
    }

    /// What becomes of a request to upgrade.
    enum Admission: Sendable {
        case upgrade(Exchange, RequestTarget, delay: Duration)
        case refuse(status: Int, retryAfter: Duration?, reason: String)
    }

    private struct State {
        var standing: [String: StandingFaults] = [:]
        var budgets: [String: RateWindow] = [:]
        var sockets: [UInt64: (exchange: String, channel: any Channel)] = [:]
        var connections: [ObjectIdentifier: any Channel] = [:]
        var isStopping = false
    }

    /// The largest frame a client may send.
    static let frameLimit = 1 << 20

    let configuration: SimulatorConfiguration
    let exchanges: [String: Exchange]
    let truth: TruthLog
    private let numbers = Atomic<UInt64>(0)
    private let socketNumbers = Atomic<UInt64>(0)
    private let state: Mutex<State>

    init(_ configuration: SimulatorConfiguration, truth: TruthLog) throws(SimulatorError) {
        var defined: [any ServerDialect] = []
        do throws(DialectError) {
            for definition in configuration.defined {
                defined.append(try DefinedServer(definition, symbols: configuration.market.symbols[definition.id] ?? []))
            }
        } catch {
            throw SimulatorError(.configuration, error.description)
        }
        let known = defined + ServerDialects.all
        var exchanges: [String: Exchange] = [:]
        let everything = defined.isEmpty ? known.map(\.exchange) : defined.map(\.exchange)
        for id in configuration.exchanges.isEmpty ? everything : configuration.exchanges.map({ $0.lowercased() }) {
            guard let dialect = known.first(where: { $0.exchange == id }) else {
                let names = known.map(\.exchange).joined(separator: ", ")
                throw SimulatorError(.configuration, "the simulator does not know the exchange '\(id)'; it knows \(names)")
            }
            var rules = dialect.rules
            configuration.adjustRules?(id, &rules)
            exchanges[id] = Exchange(
                id: id, dialect: dialect, rules: rules.scaled(by: configuration.heartbeatFactor),
                listings: Listings(
                    Self.symbols(id, configuration, dialect), acceptsAny: configuration.market.acceptsAnySymbol),
                program: try Self.program(id, configuration, packing: rules.packing))
        }
        self.configuration = configuration
        self.exchanges = exchanges
        self.truth = truth
        for id in configuration.replays.map(\.exchange) + configuration.sources.map(\.exchange) where exchanges[id] == nil {
            throw SimulatorError(.configuration, "a recording or source is configured for '\(id)', which is not served")
        }
        var state = State()
        for (exchange, fault) in configuration.faults {
            guard fault.isStanding else {
                throw SimulatorError(.configuration, "the fault \(fault) cannot hold from the start: it happens once; give it as a command")
            }
            guard exchange == "*" || exchanges[exchange] != nil else {
                throw SimulatorError(.configuration, "a fault is configured for '\(exchange)', which is not served")
            }
            for id in exchange == "*" ? Array(exchanges.keys) : [exchange] { state.standing[id, default: StandingFaults()].apply(fault) }
        }
        self.state = Mutex(state)
    }

    private static func symbols(_ id: String, _ configuration: SimulatorConfiguration, _ dialect: any ServerDialect) -> [String] {
        let isDefined = configuration.defined.contains { $0.id == id }
        return isDefined ? dialect.listings : configuration.market.symbols[id] ?? dialect.listings
    }

    private static func program(
        _ id: String, _ configuration: SimulatorConfiguration, packing: ServerRules.Packing
    ) throws(SimulatorError) -> Program {
        let replays = configuration.replays.filter { $0.exchange == id }
        let sources = configuration.sources.filter { $0.exchange == id }
        guard replays.count + sources.count < 2 else {
            throw SimulatorError(.configuration, "'\(id)' can play one recording or be one source, not several")
        }
        if let plan = replays.first {
            if case .factor(let factor) = plan.pace, !(factor > 0) {
                throw SimulatorError(.configuration, "the pace \(factor) of the recording for '\(id)' must be above 0")
            }
            return .replay(try Recording(path: plan.file, packing: packing), plan)
        }
        if let plan = sources.first {
            if let rate = plan.rate, !(rate > 0) {
                throw SimulatorError(.configuration, "the rate \(rate) of the source for '\(id)' must be above 0")
            }
            return .source(plan)
        }
        return .market
    }

    /// What a request asks for. Where one exchange is served alone, its own paths mean it also without its id in front.
    func target(_ text: String) -> RequestTarget {
        let target = RequestTarget(text)
        guard exchanges[target.exchange] == nil, exchanges.count == 1, let only = exchanges.values.first else { return target }
        let own = RequestTarget("/\(only.id)\(text)")
        return only.dialect.serves(path: own.path) ? own : target
    }

    /// The next number of a data message.
    func nextNumber() -> UInt64 { numbers.add(1, ordering: .relaxed).newValue }

    func nextSocketNumber() -> UInt64 { socketNumbers.add(1, ordering: .relaxed).newValue }

    func standingFaults(of exchange: String) -> StandingFaults { state.withLock { $0.standing[exchange] ?? StandingFaults() } }

    /// Decides about an upgrade; a refusal is recorded.
    func admit(_ target: RequestTarget, now: NIODeadline) -> Admission {
        let admission = decide(target, now: now)
        if case .refuse(let status, _, let reason) = admission {
            truth.add(
                .refused, exchange: target.exchange, socket: 0,
                [("request", .text(target.text)), ("status", .number(Int64(status))), ("reason", .text(reason))])
        }
        return admission
    }

    private func decide(_ target: RequestTarget, now: NIODeadline) -> Admission {
        guard let exchange = exchanges[target.exchange] else {
            return .refuse(status: 404, retryAfter: nil, reason: "no exchange '\(target.exchange)' here")
        }
        guard exchange.dialect.serves(path: target.path) else {
            return .refuse(status: 404, retryAfter: nil, reason: "\(exchange.id) has no websocket at \(target.path)")
        }
        guard target.text.utf8.count <= exchange.rules.maxTargetBytes else {
            return .refuse(
                status: 414, retryAfter: nil, reason: "a request target of more than \(exchange.rules.maxTargetBytes) bytes")
        }
        return state.withLock { state in
            let standing = state.standing[exchange.id] ?? StandingFaults()
            if let refusal = standing.refusal {
                return .refuse(status: refusal.status, retryAfter: refusal.retryAfter, reason: "refused on command")
            }
            if let rate = exchange.rules.connects {
                var window = state.budgets[exchange.dialect.budgetGroup] ?? RateWindow(rate)
                let wait = window.admit(at: now)
                state.budgets[exchange.dialect.budgetGroup] = window
                if let wait { return .refuse(status: 429, retryAfter: wait, reason: "more than \(rate.count) connects in \(rate.window)") }
            }
            return .upgrade(exchange, target, delay: standing.handshakeDelay ?? .zero)
        }
    }

    /// False when the simulator is stopping and takes no more connections.
    func accepted(_ channel: any Channel) -> Bool {
        state.withLock { state in
            guard !state.isStopping else { return false }
            state.connections[ObjectIdentifier(channel)] = channel
            return true
        }
    }

    func gone(_ channel: any Channel) {
        state.withLock { state in _ = state.connections.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    func opened(_ number: UInt64, exchange: String, channel: any Channel) {
        state.withLock { $0.sockets[number] = (exchange, channel) }
    }

    /// True when the socket was open.
    func closed(_ number: UInt64, channel: any Channel) -> Bool {
        state.withLock { $0.sockets.removeValue(forKey: number) != nil }
    }

    /// Brings a fault over the sockets of `exchange` (`*`: all), or over one of them; returns how many were reached.
    func inject(_ fault: Fault, exchange: String, socket: UInt64?, command: String) -> Int {
        truth.add(.fault, exchange: exchange, socket: socket ?? 0, [("fault", .text(command))])
        let targets: [any Channel] = state.withLock { state in
            if (fault.isStanding || fault == .heal) && socket == nil {
                for id in exchanges.keys where exchange == "*" || id == exchange {
                    state.standing[id, default: StandingFaults()].apply(fault)
                }
            }
            return state.sockets.filter { number, entry in
                (exchange == "*" || entry.exchange == exchange) && (socket == nil || socket == number)
            }.sorted { $0.key < $1.key }.map(\.value.channel)
        }
        for channel in targets { channel.pipeline.fireUserInboundEventTriggered(SocketHandler.Command.fault(fault)) }
        return targets.count
    }

    /// Numbers of the open sockets, by exchange.
    func openSockets() -> [(number: UInt64, exchange: String)] {
        state.withLock { $0.sockets.map { ($0.key, $0.value.exchange) } }.sorted { $0.number < $1.number }
    }

    /// Takes no more connections and ends those there are; returns what to wait for.
    func beginStop() -> [any Channel] {
        let connections = state.withLock { state in
            state.isStopping = true
            return Array(state.connections.values)
        }
        for channel in connections { channel.pipeline.fireUserInboundEventTriggered(SocketHandler.Command.stop) }
        return connections
    }
}
