internal import Coordination

/// The configuration file of a host of the private cluster.
struct HostConfiguration: Sendable {
    let plan: DrillPlan
    let directory: DrillDirectory
    let exchange: ExchangeProcess
    let generation: String

    /// `redis`: its URL as this host reaches it; `exchanges`: host name or address and port.
    func text(name: String, redis: String, isDirect: Bool, exchanges: (name: String, port: Int)) -> String {
        var lines = ["# Written by `colony drill`."]
        lines += ["redis:", "  url: \"\(redis)\"", "  direct: \(isDirect)"]
        // A failover may lose what would prove that nobody holds anything.
        if plan.kind != .failoverRedis { lines.append("  embedded_generation: \"\(generation)\"") }
        lines += [
            "worker:", "  name: \(name)", "  state_directory: \"\(directory.path)/state-\(name)\"", "  restart_cap: 1s",
        ]
        lines.append("exchanges:")
        for id in plan.exchanges {
            lines += ["  \(id):", "    url: \"\(url(of: id, exchanges))\"", "    tls: { roots: \"\(exchange.caFile)\" }"]
        }
        // As flags would do, but seen in one place: keys with dots are flat in YAML as well.
        for (key, value) in settings.sorted(by: { $0.key < $1.key }) { lines.append("\(key): \"\(value)\"") }
        return lines.joined(separator: "\n") + "\n"
    }

    private var settings: [String: String] {
        var settings = [
            "history": directory.recording,
            "exchange.pace": DrillPlan.text(plan.configuredPace),
            "exchange.connect_delay": "\(DrillPlan.text(plan.connectDelay.lowerBound))...\(DrillPlan.text(plan.connectDelay.upperBound))",
        ]
        for (key, value) in plan.settings { settings[key] = value }
        return settings
    }

    private func url(of id: String, _ exchanges: (name: String, port: Int)) -> String {
        let path = exchange.paths[id] ?? ""
        let scheme = path.hasPrefix("https:") ? "https" : "wss"
        return "\(scheme)://\(exchanges.name):\(exchanges.port)\(path.drop { $0 != "/" })"
    }
}
