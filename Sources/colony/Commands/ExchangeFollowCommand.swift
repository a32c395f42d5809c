import ArgumentParser
import Cluster
import ColonyExchanges
import Ingest

struct ExchangeFollowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "follow", abstract: "Follow an exchange from this process alone: no lease, no pace, no Redis.",
        discussion: """
            Settings of the exchange (url, proxy, tls, heartbeat.style, headers) come from the configuration; so do the topics where no channel is \
            given. JSON lines: {"channel","symbol","time","data"} for packets, {"event",..} for what happens to the connection.
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var options: FollowOptions

    @Argument(help: "Exchange id.")
    var exchange: String

    @Argument(help: "Channel, e.g. trade.")
    var channel: String?

    @Argument(help: "Symbols.")
    var symbols: [String] = []

    func run() async throws {
        let configuration = try common.load().configuration
        let topics = try topics(configuration)
        var direct = try direct(configuration)
        if let name = topics.first.flatMap(direct.dialect.branch(of:)),
            let branch = direct.dialect.branches.first(where: { $0.name == name })
        {
            direct.dialect.profile.url = branch.url
        }
        let client = DirectClient(direct, topics: topics, logger: try common.bootstrapLogging())
        try await options.follow(
            client,
            isPacket: { if case .packet = $0 { true } else { false } },
            line: { event, json in json ? try Self.json(event) : Self.line(event) })
    }

    private func direct(_ configuration: ColonyConfiguration) throws -> DirectConfiguration {
        do { return try configuration.directConfiguration(of: exchange.lowercased()) } catch {
            throw ClusterError(.exchange, error.description)
        }
    }

    private func topics(_ configuration: ColonyConfiguration) throws -> [Topic] {
        let asked =
            channel.map { channel in symbols.map { Topic(channel: channel, symbol: $0) } }
            ?? configuration.settings(of: exchange.lowercased()).topics
        guard !asked.isEmpty else {
            throw ClusterError(.exchange, "nothing to follow: name a channel and symbols, or set exchanges.\(exchange.lowercased()).topics")
        }
        do throws(DialectError) {
            let dialect = try configuration.dialect(of: exchange.lowercased())
            var topics: [Topic] = []
            for topic in asked { topics.append(try dialect.canonical(topic)) }
            // One connection, so one of the exchange's addresses.
            let branches = Set(topics.map { dialect.branch(of: $0) ?? "" })
            guard branches.count == 1 else {
                throw DialectError(.unknownChannel, "\(dialect.profile.id) serves these channels at different addresses; follow them apart")
            }
            return topics
        } catch {
            throw ClusterError(.exchange, error.description)
        }
    }

    private static func milliseconds(_ wait: Duration) -> Int64 { Int64(wait / .milliseconds(1)) }

    private static func line(_ event: DirectClient.Event) -> String {
        switch event {
        case .packet(let packet): "\(packet.topic?.description ?? "-") \(packet.text)"
        case .connected(let peer): "CONNECTED to \(peer)"
        case .reconnected(let peer): "RECONNECTED to \(peer)"
        case .disconnected(let reason, let wait): "DISCONNECTED (\(reason)), again after \(milliseconds(wait)) ms"
        case .attemptFailed(let reason, let wait): "NOT CONNECTED (\(reason)), again after \(milliseconds(wait)) ms"
        case .subscription(let topic, let state): "SUBSCRIPTION \(topic): \(state)"
        case .notice(let notice): "NOTICE \(notice.kind.rawValue): \(notice.text)"
        case .malformed(let reason, _): "MALFORMED (\(reason))"
        }
    }

    private static func json(_ event: DirectClient.Event) throws -> String {
        switch event {
        case .packet(let packet):
            try JSONLine.encode([
                "channel": packet.topic?.channel ?? "", "symbol": packet.topic?.symbol ?? "", "time": "\(packet.time)", "data": packet.text,
            ])
        case .connected(let peer): try JSONLine.encode(["event": "connected", "peer": peer])
        case .reconnected(let peer): try JSONLine.encode(["event": "reconnected", "peer": peer])
        case .disconnected(let reason, let wait):
            try JSONLine.encode(["event": "disconnected", "reason": reason, "wait_ms": "\(milliseconds(wait))"])
        case .attemptFailed(let reason, let wait):
            try JSONLine.encode(["event": "attempt_failed", "reason": reason, "wait_ms": "\(milliseconds(wait))"])
        case .subscription(let topic, let state): try JSONLine.encode(["event": "subscription", "topic": "\(topic)", "state": "\(state)"])
        case .notice(let notice): try JSONLine.encode(["event": "notice", "kind": notice.kind.rawValue, "text": notice.text])
        case .malformed(let reason, let text): try JSONLine.encode(["event": "malformed", "reason": reason, "text": text])
        }
    }
}
