import ColonyExchanges
import Configuration
import Glibc
import Yams

/// Where a value came from.
public enum ConfigurationOrigin: Sendable, Equatable, CustomStringConvertible {
    case flag
    case environment(String)
    case file(String)
    case byDefault

    public var description: String {
        switch self {
        case .flag: "flag"
        case .environment(let name): "environment \(name)"
        case .file(let path): "file \(path)"
        case .byDefault: "default"
        }
    }
}

/// A configuration with the story of its values.
public struct LoadedConfiguration: Sendable {
    public struct Line: Sendable, Equatable {
        public var key: String
        /// Secrets read `********`.
        public var value: String
        public var origin: ConfigurationOrigin
    }

    public var configuration: ColonyConfiguration
    /// Every general setting, and those of exchanges that are set.
    public var lines: [Line]
}

/// Puts a configuration together: flags over environment (`COLONY_LEASE_TTL` for `lease.ttl`) over one YAML file over the defaults.
public struct ConfigurationLoader: Sendable {
    public var file: String?
    public var environment: [String: String]
    /// By key; only settings that are no secrets may come this way.
    public var flags: [String: String]

    public init(file: String? = nil, environment: [String: String], flags: [String: String] = [:]) {
        self.file = file
        self.environment = environment
        self.flags = flags
    }

    /// Throws a `ClusterError` that names the key, its value (unless secret) and where it stands, for unknown keys and impossible values.
    public func load() throws -> LoadedConfiguration {
        let fromFile = try readFile()
        let layers = [
            Layer(name: "flag", values: flags), Layer(environment: environment), Layer(name: "file", values: fromFile),
        ]
        var configuration = ColonyConfiguration()
        configuration.worker.host = ProcessInformation.hostName
        configuration.worker.name = Self.safeName(configuration.worker.host)
        configuration.worker.stateDirectory = "/var/tmp/colony-\(getuid())"
        var lines: [LoadedConfiguration.Line] = []
        for key in ConfigurationKey.all {
            guard let (value, origin) = find(key.name, layers) else {
                lines.append(.init(key: key.name, value: key.defaultText, origin: .byDefault))
                continue
            }
            try check(key.name, value, origin, isSecret: key.isSecret) { try key.apply(&configuration, value) }
            lines.append(.init(key: key.name, value: key.isSecret ? "********" : value, origin: origin))
        }
        for key in ExchangeKey.all {
            let name = "exchange.\(key.name)"
            guard let (value, origin) = find(name, layers) else { continue }
            try check(name, value, origin, isSecret: key.isSecret) { try key.apply(&configuration.exchange, value) }
            lines.append(.init(key: name, value: key.isSecret ? "********" : value, origin: origin))
        }
        for id in exchangeIDs(fromFile) { try loadExchange(id, fromFile, layers, &configuration, &lines) }
        try rejectUnknown(fromFile, configuration)
        if let complaint = configuration.redis.complaint { throw ClusterError(.configuration, complaint) }
        return LoadedConfiguration(configuration: configuration, lines: lines)
    }

    private func loadExchange(
        _ id: String, _ fromFile: [String: String], _ layers: [Layer], _ configuration: inout ColonyConfiguration,
        _ lines: inout [LoadedConfiguration.Line]
    ) throws {
        var exchange = configuration.exchange
        var isSet = false
        for key in ExchangeKey.all {
            let name = "exchanges.\(id).\(key.name)"
            guard let (value, origin) = find(name, layers) else { continue }
            try check(name, value, origin, isSecret: key.isSecret) { try key.apply(&exchange, value) }
            lines.append(.init(key: name, value: key.isSecret ? "********" : value, origin: origin))
            isSet = true
        }
        let prefix = "exchanges.\(id)."
        let own = fromFile.filter { $0.key.hasPrefix(prefix) }
        for (name, value) in own where name.hasPrefix("\(prefix)headers.") {
            exchange.headers[String(name.dropFirst(prefix.count + 8))] = value
            isSet = true
        }
        for (name, value) in own where name.hasPrefix("\(prefix)retention.channels.") {
            let channel = String(name.dropFirst(prefix.count + 19))
            try check(name, value, .file(file ?? ""), isSecret: false) {
                exchange.channelMaxlen[channel] = try Value.integer(value, 1...1_000_000_000)
            }
            isSet = true
        }
        for (name, value) in own.sorted(by: { $0.key < $1.key }) where name.hasPrefix("\(prefix)topics.") {
            let words = value.split(separator: " ")
            guard words.count == 2 else {
                throw ClusterError(
                    .configuration, "\(name) '\(value)' (file \(file ?? "")) is not '<channel> <symbol>', e.g. 'trade BTCUSDT'")
            }
            exchange.topics.append(Topic(channel: String(words[0]), symbol: String(words[1])))
            isSet = true
        }
        if exchange.waitsForREST, exchange.restURL == nil {
            throw ClusterError(.configuration, "exchanges.\(id).ready names rest, but exchanges.\(id).rest.url does not say where to ask")
        }
        if isSet { configuration.exchanges[id] = exchange }
        // An id the table does not know is defined by its own fields.
        if (try? Exchanges.dialect(id)) == nil {
            let settings = Set(ExchangeKey.all.map(\.name)).subtracting(["url", "heartbeat.style"])
            var fields: [String: String] = [:]
            for (name, value) in own {
                let field = String(name.dropFirst(prefix.count))
                if settings.contains(field) || ["headers.", "retention.", "topics."].contains(where: field.hasPrefix) { continue }
                fields[field] = value
            }
            do throws(DialectError) {
                let definition = try DialectDefinition(id: id, fields: fields)
                _ = try DefinedDialect(definition)
                configuration.defined[id] = definition
                // One subscribe message without blanks to fill in: there is just one thing to want.
                if exchange.topics.isEmpty { exchange.topics = [Topic(channel: "all", symbol: Topic.allSymbols)] }
                configuration.exchanges[id] = exchange
            } catch {
                throw ClusterError(.configuration, "exchanges.\(id) in \(file ?? "the configuration"): \(error.description)")
            }
        }
    }

    // MARK: Layers

    private struct Layer {
        let reader: ConfigReader
        let name: String

        init(name: String, values: [String: String]) {
            self.name = name
            var map: [AbsoluteConfigKey: ConfigValue] = [:]
            for (key, value) in values { map[AbsoluteConfigKey(Self.components(key))] = ConfigValue(.string(value), isSecret: false) }
            reader = ConfigReader(provider: InMemoryProvider(name: name, values: map))
        }

        init(environment: [String: String]) {
            name = "environment"
            reader = ConfigReader(
                provider: EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "colony"))
        }

        func value(_ key: String) -> String? { reader.string(forKey: ConfigKey(Self.components(key))) }

        static func components(_ key: String) -> [String] { key.split(separator: ".").map(String.init) }
    }

    private func find(_ key: String, _ layers: [Layer]) -> (value: String, origin: ConfigurationOrigin)? {
        for layer in layers {
            guard let value = layer.value(key) else { continue }
            switch layer.name {
            case "flag": return (value, .flag)
            case "environment": return (value, .environment(Self.environmentName(key)))
            default: return (value, .file(file ?? ""))
            }
        }
        return nil
    }

    /// The environment variable of a key.
    public static func environmentName(_ key: String) -> String {
        "COLONY_" + key.uppercased().map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined()
    }

    private func check(_ key: String, _ value: String, _ origin: ConfigurationOrigin, isSecret: Bool, _ apply: () throws -> Void) throws {
        do {
            try apply()
        } catch let complaint as ConfigurationComplaint {
            throw ClusterError(.configuration, "\(key)\(isSecret ? "" : " '\(value)'") (\(origin)) \(complaint.text)")
        }
    }

    // MARK: The file

    private func readFile() throws -> [String: String] {
        guard let file else { return [:] }
        let text: String
        do { text = try Value.text(ofFile: file) } catch let complaint as ConfigurationComplaint {
            throw ClusterError(.configuration, "configuration file \(file) \(complaint.text)")
        }
        do {
            var flat: [String: String] = [:]
            guard let root = try Yams.compose(yaml: text) else { return [:] }
            guard root.mapping != nil else {
                throw ClusterError(.configuration, "configuration file \(file) is no mapping of keys to values")
            }
            try flatten(root, "", &flat, file)
            return flat
        } catch let error as YamlError {
            let words = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
            throw ClusterError(.configuration, "configuration file \(file) is not YAML: \(words)")
        }
    }

    private func flatten(_ node: Node, _ prefix: String, _ flat: inout [String: String], _ file: String) throws {
        switch node {
        case .scalar(let scalar): flat[prefix] = scalar.string
        case .mapping(let mapping):
            for (key, value) in mapping {
                guard let name = key.string else {
                    throw ClusterError(.configuration, "configuration file \(file): a key under '\(prefix)' is no text")
                }
                try flatten(value, prefix.isEmpty ? name : "\(prefix).\(name)", &flat, file)
            }
        // A list of plain words that one setting takes as a whole.
        case .sequence(let sequence) where prefix.hasSuffix(".ready"):
            flat[prefix] = sequence.compactMap(\.string).joined(separator: ",")
        case .sequence(let sequence):
            for (index, value) in sequence.enumerated() { try flatten(value, "\(prefix).\(index)", &flat, file) }
        case .alias: throw ClusterError(.configuration, "configuration file \(file): aliases are not supported (under '\(prefix)')")
        }
    }

    private func exchangeIDs(_ fromFile: [String: String]) -> [String] {
        var ids: Set<String> = []
        for key in Array(fromFile.keys) + Array(flags.keys) where key.hasPrefix("exchanges.") {
            let parts = key.split(separator: ".")
            if parts.count >= 3 { ids.insert(String(parts[1])) }
        }
        for name in environment.keys where name.hasPrefix("COLONY_EXCHANGES_") {
            for dialect in Exchanges.all where name.hasPrefix("COLONY_EXCHANGES_\(dialect.profile.id.uppercased())_") {
                ids.insert(dialect.profile.id)
            }
        }
        return ids.sorted()
    }

    private func rejectUnknown(_ fromFile: [String: String], _ configuration: ColonyConfiguration) throws {
        let general = Set(ConfigurationKey.all.map(\.name))
        let exchange = Set(ExchangeKey.all.map(\.name))
        for key in fromFile.keys.sorted() + flags.keys.sorted() {
            if general.contains(key) { continue }
            if key.hasPrefix("exchange."), exchange.contains(String(key.dropFirst(9))) { continue }
            if key.hasPrefix("exchanges.") {
                let parts = key.split(separator: ".", maxSplits: 2)
                if parts.count == 3 {
                    let rest = String(parts[2])
                    if exchange.contains(rest) { continue }
                    if ["headers.", "retention.channels.", "topics."].contains(where: rest.hasPrefix) { continue }
                    if configuration.defined[String(parts[1])] != nil { continue }
                }
            }
            throw ClusterError(
                .configuration,
                "unknown key '\(key)'\(fromFile[key] != nil ? " in \(file ?? "")" : ""); `colony config` lists the known ones")
        }
    }

    /// A host's name as a worker's name.
    private static func safeName(_ host: String) -> String {
        let name = host.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") ? $0 : "-" }.prefix(60)
        return name.isEmpty ? "worker" : String(name)
    }
}
