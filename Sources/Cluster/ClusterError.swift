/// Why a cluster process cannot go on. The code decides the exit code; the description says what failed, on what, and what to do.
public struct ClusterError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        /// The configuration is wrong: file, environment, flag.
        case configuration
        /// Redis cannot be reached, or refuses us.
        case redis
        /// Redis is there and unfit: version, settings, rights.
        case preflight
        case embeddedRedis
        /// The exchange id, channel or symbol is not known.
        case exchange
        /// A name, lock or port is in use.
        case inUse
        case simulator
        case supervisor
        /// A worker refused what was asked of it, or did not do it in time.
        case refused
    }

    public var code: Code
    public var description: String

    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// The process' exit code, documented in the README.
    public var exitCode: Int32 {
        switch code {
        case .configuration: 64
        case .exchange: 65
        case .redis: 69
        case .preflight: 78
        case .embeddedRedis, .simulator, .supervisor: 70
        case .inUse: 73
        case .refused: 1
        }
    }
}
