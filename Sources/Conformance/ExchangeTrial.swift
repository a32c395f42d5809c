internal import ColonyExchanges
internal import Ingest
internal import NIOCore
internal import Simulator
internal import WebSocketClient

/// One exchange id, one style of heartbeats, one of the exchange's addresses: the client's parts of production against the simulated exchange.
struct ExchangeTrial: Sendable {
    let id: String
    let style: HeartbeatStyle
    /// The name of one of the exchange's further addresses; nil: its main one.
    let branch: String?
    let settings: ConformanceSettings
    let eventLoop: any EventLoop

    typealias Outcomes = [Duty: DutyOutcome]

    func run() async throws -> Outcomes {
        guard let server = ServerDialects.all.first(where: { $0.exchange == id }) else {
            throw SimulatorError(.configuration, "the simulator does not speak '\(id)'")
        }
        let times = ConformanceTimes(server.rules, try Exchanges.dialect(id).profile, settings: settings)
        async let kept = withExchange(times) { try await conversation($0, times, server) }
        async let mute = withExchange(times) { try await withholding($0, times, server) }
        async let aged = aging(times, server)
        return try await kept.merging(mute) { $1 }.merging(aged) { $1 }
    }

    // MARK: A good client

    private func conversation(
        _ simulator: ExchangeSimulator, _ times: ConformanceTimes, _ server: any ServerDialect
    ) async throws -> Outcomes {
        let (configuration, topics) = try client(of: simulator, times)
        guard !topics.isEmpty else { return [.subscribe: .notMet("no usual channel at '\(branch ?? "the main address")'")] }
        var outcomes: Outcomes = [:]
        let probe = Probe(on: eventLoop)
        probe.start(configuration, topics: topics)
        let steps: [(Duty, () async throws -> [Duty: DutyOutcome])] = [
            (.connect, { try await self.connects(probe) }),
            (.subscribe, { try await self.subscribes(probe, topics, simulator) }),
            (.data, { try await self.keeps(probe, topics, times) }),
            (.rejection, { try await self.rejects(probe, topics, configuration.dialect, server) }),
            (.resubscription, { try await self.resubscribes(probe, topics, simulator) }),
        ]
        var failure: Duty?
        for (duty, step) in steps {
            if let failure {
                outcomes[duty] = .notMet("not tried: '\(failure.rawValue)' was not met")
                if duty == .data { outcomes[.heartbeat] = outcomes[duty] }
                continue
            }
            let fresh = try await step()
            outcomes.merge(fresh) { $1 }
            failure = fresh.first { $0.value.isFailure }?.key
        }
        await probe.stop()
        return outcomes
    }

    private func connects(_ probe: Probe) async throws -> Outcomes {
        let isOpen = await probe.wait(settings.patience) { $0.opens > 0 }
        return [.connect: isOpen ? .met("open") : .notMet("no websocket: \(probe.state.summary)")]
    }

    private func subscribes(_ probe: Probe, _ topics: [Topic], _ simulator: ExchangeSimulator) async throws -> Outcomes {
        let isDone = await probe.wait(settings.patience) { state in
            topics.allSatisfy { state.states[$0] == .acknowledged || state.states[$0] == .receiving }
        }
        guard isDone else { return [.subscribe: .notMet("not confirmed: \(probe.state.summary)")] }
        // What the exchange understood, by its own record.
        let understood = Set(
            simulator.truth.recent.compactMap { record -> Topic? in
                guard record.kind == .subscribe, let channel = record.text("channel"), let symbol = record.text("symbol") else {
                    return nil
                }
                return Topic(channel: channel, symbol: symbol)
            })
        let wrong = Set(topics).symmetricDifference(understood)
        guard wrong.isEmpty else {
            return [.subscribe: .notMet("the exchange understood otherwise: \(wrong.sorted().map { "\($0)" }.joined(separator: ", "))")]
        }
        return [.subscribe: .met("\(topics.count) topics")]
    }

    /// Data and heartbeats, for three periods and longer than any deadline.
    private func keeps(_ probe: Probe, _ topics: [Topic], _ times: ConformanceTimes) async throws -> Outcomes {
        guard await probe.wait(settings.patience, until: { state in topics.allSatisfy { state.packets[$0, default: 0] > 2 } }) else {
            let silent = topics.filter { probe.state.packets[$0, default: 0] < 3 }.map { "\($0)" }.joined(separator: ", ")
            return [.data: .notMet("no data of \(silent): \(probe.state.summary)")]
        }
        let before = probe.state
        // Ends early only when something goes wrong.
        let isLost = await probe.wait(times.hold) { !$0.ends.isEmpty || !$0.malformed.isEmpty || $0.unrouted > 0 }
        let after = probe.state
        if !after.malformed.isEmpty || after.unrouted > 0 {
            return [.data: .notMet("\(after.unrouted) packets of no stream; \(after.summary)")]
        }
        if isLost { return [.heartbeat: .notMet("cut: \(after.summary)"), .data: .notMet("cut: \(after.summary)")] }
        guard topics.allSatisfy({ after.packets[$0, default: 0] > before.packets[$0, default: 0] }) else {
            return [.data: .notMet("data stopped: \(after.summary)")]
        }
        let count = topics.reduce(0) { $0 + after.packets[$1, default: 0] }
        let sent = after.keptAlive.count
        let heartbeat: DutyOutcome =
            times.deadline == nil
            ? .notApplicable(sent == 0 ? "the exchange wants to hear nothing" : "\(sent) sent; the exchange does not insist")
            : .met("\(sent) sent in time")
        return [.data: .met("\(count) packets"), .heartbeat: heartbeat]
    }

    private func rejects(
        _ probe: Probe, _ topics: [Topic], _ dialect: any Dialect, _ server: any ServerDialect
    ) async throws -> Outcomes {
        guard let good = topics.first(where: { unlisted($0) != nil }), let bad = unlisted(good) else {
            return [.rejection: .notApplicable("no channel names a symbol")]
        }
        let before = probe.state.packets
        probe.desire(topics + [bad], version: 2)
        switch server.unknownSymbols {
        case .refused:
            let isRefused = await probe.wait(settings.patience) { state in
                if case .rejected = state.states[bad] { true } else { false }
            }
            guard isRefused, case .rejected(let words) = probe.state.states[bad], !words.isEmpty else {
                return [.rejection: .notMet("'\(bad)' is '\(probe.state.states[bad]?.description ?? "pending")', not rejected")]
            }
            probe.desire(topics, version: 3)
            return [.rejection: .met("'\(words)'")]
        case .acknowledged, .ignored:
            // Long enough for an answer: everything else has gone on meanwhile.
            let hasGoneOn = await probe.wait(settings.patience) { state in
                topics.allSatisfy { state.packets[$0, default: 0] > before[$0, default: 0] + 10 }
            }
            let state = probe.state
            guard hasGoneOn, state.packets[bad] == nil, state.states[bad] != .receiving, state.ends.isEmpty else {
                return [.rejection: .notMet("'\(bad)' is '\(state.states[bad]?.description ?? "pending")': \(state.summary)")]
            }
            probe.desire(topics, version: 3)
            return [
                .rejection: .met("the exchange does not refuse; '\(state.states[bad]?.description ?? "pending")', never receiving")
            ]
        }
    }

    private func resubscribes(_ probe: Probe, _ topics: [Topic], _ simulator: ExchangeSimulator) async throws -> Outcomes {
        let opens = probe.state.opens
        try simulator.inject(.cut(.reset), exchange: id)
        let isBack = await probe.wait(settings.patience) { state in
            state.opens > opens && topics.allSatisfy { state.packets[$0, default: 0] > 2 && state.states[$0] == .receiving }
        }
        guard isBack else { return [.resubscription: .notMet("not everything came again: \(probe.state.summary)")] }
        return [.resubscription: .met("\(topics.count) topics again")]
    }

    // MARK: A mute client

    /// Withholds every heartbeat and answer, and is cut for it.
    private func withholding(
        _ simulator: ExchangeSimulator, _ times: ConformanceTimes, _ server: any ServerDialect
    ) async throws -> Outcomes {
        guard let deadline = times.deadline else { return [.silence: .notApplicable("the exchange cuts nobody for silence")] }
        var (configuration, topics) = try client(of: simulator, times)
        configuration.keepsAlive = false
        let rules = server.rules
        // Where talk of either side keeps a connection, the exchange must not talk; one that beats only to subscribers is left unsubscribed.
        let isTrafficRule = rules.trafficSilence != nil
        let subscribes = !(isTrafficRule && rules.heartbeat?.afterSubscription == true)
        if isTrafficRule { try simulator.inject(.withoutData, exchange: id) }
        let probe = Probe(on: eventLoop)
        probe.start(configuration, topics: subscribes ? topics : [])
        let limit = settings.patience + deadline * 2
        let isCut = await probe.wait(limit) { !$0.ends.isEmpty }
        let state = probe.state
        await probe.stop()
        guard isCut, let reason = state.ends.first else { return [.silence: .notMet("not cut within \(limit): \(state.summary)")] }
        let id = id
        let record = try await simulator.truth.first { $0.kind == .close && $0.exchange == id }
        guard record.text("cause") == "rule", record.text("reason") != "nothing subscribed" else {
            return [.silence: .notMet("ended for another reason: \(reason)")]
        }
        return [.silence: .met("cut: \(record.text("reason") ?? reason)")]
    }

    // MARK: Age

    private func aging(_ times: ConformanceTimes, _ server: any ServerDialect) async throws -> Outcomes {
        guard server.rules.maxAge != nil else { return [.age: .notApplicable("the exchange sets no age limit")] }
        return try await withExchange(times, age: settings.age) { simulator in
            var (configuration, topics) = try client(of: simulator, times)
            configuration.dialect.profile.limits.maxAge = configuration.dialect.profile.limits.maxAge.map { _ in settings.age }
            let probe = Probe(on: eventLoop)
            probe.start(configuration, topics: topics)
            let isRenewed = await probe.wait(settings.patience + settings.age) { [topics] state in
                state.opens > 1 && topics.allSatisfy { state.packets[$0, default: 0] > 0 }
            }
            let state = probe.state
            await probe.stop()
            guard isRenewed, let reason = state.ends.first else { return [.age: .notMet("not renewed: \(state.summary)")] }
            let id = id
            let record = try await simulator.truth.first { $0.kind == .close && $0.exchange == id }
            guard record.text("cause") == "client", reason.hasPrefix("planned") else {
                return [.age: .notMet("cut by the exchange first: \(record.text("reason") ?? reason)")]
            }
            return [.age: .met(reason)]
        }
    }

    // MARK: Both sides

    private func withExchange<Result: Sendable>(
        _ times: ConformanceTimes, age: Duration? = nil, _ body: (ExchangeSimulator) async throws -> Result
    ) async throws -> Result {
        var simulation = SimulatorConfiguration()
        simulation.exchanges = [id]
        simulation.isTLS = settings.isTLS
        simulation.seed = settings.seed
        simulation.market.messagesPerSecond = settings.rate
        simulation.heartbeatFactor = times.factor
        simulation.adjustRules = { _, rules in rules.maxAge = age }
        let simulator = try await ExchangeSimulator.start(simulation)
        do {
            let result = try await body(simulator)
            try await simulator.stop()
            return result
        } catch {
            try await simulator.stop()
            throw error
        }
    }

    private func client(
        of simulator: ExchangeSimulator, _ times: ConformanceTimes
    ) throws -> (configuration: DirectConfiguration, topics: [Topic]) {
        var dialect = try Exchanges.dialect(id)
        dialect.profile.url = try simulator.url(id)
        let topics = usualTopics(dialect)
        if let branch, let found = dialect.branches.first(where: { $0.name == branch }) { dialect.profile.url = found.url }
        var configuration = DirectConfiguration(dialect: dialect)
        if let caFile = simulator.caFile { configuration.webSocket.roots = .file(caFile) }
        configuration.heartbeatStyle = style
        configuration.heartbeatFactor = times.factor
        configuration.tick = min(.milliseconds(250), times.period / 10)
        configuration.firstDataWithin = settings.patience
        return (configuration, topics)
    }

    /// What the exchange offers of Colony's usual channels at this address, for one symbol.
    private func usualTopics(_ dialect: any Dialect) -> [Topic] {
        var topics: [Topic] = []
        for channel in ["trade", "ticker", "bbo", "book", "book_snapshot", "candle.1m"] {
            // What the exchange does not have need not be asked for.
            guard let topic = try? dialect.canonical(Topic(channel: channel, symbol: dialect.profile.exampleSymbol)) else { continue }
            guard dialect.branch(of: topic) == branch, isPushed(topic), !topics.contains(topic) else { continue }
            topics.append(topic)
        }
        return topics
    }

    /// AscendEX gives snapshots on request only, and Gemini's name no symbol, so that they go to the control stream.
    private func isPushed(_ topic: Topic) -> Bool { topic.channel != "book_snapshot" || !["bitmax", "gemini"].contains(id) }

    /// The same topic of a symbol that does not exist; nil where the symbol is none of ours to spoil.
    private func unlisted(_ topic: Topic) -> Topic? {
        var bad = topic
        for base in ["BTC", "btc", "XBT"] { bad.symbol = bad.symbol.replacing(base, with: base == "btc" ? "nope" : "NOPE") }
        return bad == topic ? nil : bad
    }
}
