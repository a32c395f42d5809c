import ArgumentParser
import Cluster
import Glibc
import Logging

/// What every command that touches a cluster takes.
struct CommonOptions: ParsableArguments {
    @Option(name: .long, help: "Configuration file (YAML). Without it, the one `colony up` wrote while it runs.")
    var config: String?

    @Option(
        name: .long,
        help:
            "Address of Redis: redis://host:port, rediss://.., unix:/path. No passwords here: use COLONY_REDIS_PASSWORD or redis.password_file."
    )
    var redis: String?

    @Option(name: .customLong("set"), help: "One setting, `key=value`; may be repeated. `colony config` lists the keys.")
    var settings: [String] = []

    @Option(name: .long, help: "Log level: trace, debug, info, notice, warning, error, critical.")
    var logLevel: String = "notice"

    func load(_ extra: [String: String] = [:]) throws -> LoadedConfiguration {
        var flags = try extra.merging(SettingFlags.parse(settings)) { $1 }
        if let redis {
            if let at = redis.firstIndex(of: "@"), redis[..<at].dropFirst(8).contains(":") {
                throw ClusterError(
                    .configuration, "--redis holds a password, which everybody on this host could read; use COLONY_REDIS_PASSWORD")
            }
            flags["redis.url"] = redis
        }
        let environment = ProcessEnvironment.variables
        var file = config ?? environment["COLONY_CONFIG"]
        if file == nil, redis == nil, environment["COLONY_REDIS_URL"] == nil, access(RunFile.path, R_OK) == 0 { file = RunFile.path }
        return try ConfigurationLoader(file: file, environment: environment, flags: flags).load()
    }

    /// Logs go to standard error.
    func bootstrapLogging() throws -> Logger { try Self.bootstrapLogging(logLevel) }

    static func bootstrapLogging(_ name: String) throws -> Logger {
        guard let level = Logger.Level(rawValue: name) else {
            throw ClusterError(.configuration, "--log-level '\(name)' is none of trace, debug, info, notice, warning, error, critical")
        }
        LoggingSystem.bootstrap { StreamLogHandler(label: $0, stream: LogStream()) }
        var logger = Logger(label: "colony")
        logger.logLevel = level
        return logger
    }
}

/// `--set key=value`
enum SettingFlags {
    static func parse(_ settings: [String]) throws -> [String: String] {
        var flags: [String: String] = [:]
        for setting in settings {
            guard let equals = setting.firstIndex(of: "="), equals != setting.startIndex else {
                throw ClusterError(.configuration, "--set '\(setting)' is not key=value")
            }
            let key = String(setting[..<equals])
            if ConfigurationKey.all.contains(where: { $0.name == key && $0.isSecret && key != "redis.url" }) {
                throw ClusterError(
                    .configuration,
                    "--set \(key): a secret on a command line can be read by everybody on this host; use the environment "
                        + "(\(ConfigurationLoader.environmentName(key))) or the configuration file")
            }
            flags[key] = String(setting[setting.index(after: equals)...])
        }
        return flags
    }
}

enum ProcessEnvironment {
    static var variables: [String: String] {
        var variables: [String: String] = [:]
        var pointer = environ
        while let entry = pointer.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") { variables[String(text[..<equals])] = String(text[text.index(after: equals)...]) }
            pointer += 1
        }
        return variables
    }
}

/// The configuration of the `colony up` that runs on this host, so that other commands find it.
enum RunFile {
    static var path: String { "/var/tmp/colony-\(getuid())/up.yaml" }
}
