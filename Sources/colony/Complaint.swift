import Cluster
import ColonyExchanges
import ColonyStreams
import Coordination
import RedisClient
import Simulator

extension ClusterError {
    /// What a command ends with when a layer below fails; nil for errors that are not about the system, such as those of the command line.
    init?(reporting error: any Error) {
        switch error {
        case let error as ClusterError: self = error
        case let error as RedisError: self.init(Self.code(error), error.description)
        case let error as StreamsError:
            self.init((error.cause as? RedisError).map { Self.code($0) } ?? .redis, error.description)
        case let error as DialectError: self.init(.exchange, error.description)
        case let error as CoordinationError: self.init(Self.code(error), error.description)
        case let error as SimulatorError: self.init(.simulator, error.description)
        default: return nil
        }
    }

    private static func code(_ error: RedisError) -> Code { error.code == .noPermission ? .preflight : .redis }

    private static func code(_ error: CoordinationError) -> Code {
        switch error.code {
        case .nameInUse, .stateDirectory: .inUse
        case .badName, .usage: .configuration
        case .unexpectedReply, .badCatalogueEntry: .redis
        case .timer: .supervisor
        }
    }
}
