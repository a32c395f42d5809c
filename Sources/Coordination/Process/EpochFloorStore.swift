public import Logging

/// Keeps `EpochFloors` in the state directory, one file `<worker name>.epochs` per worker.
///
/// The calls read and write files with fsync: not for an event loop.
public struct EpochFloorStore: Sendable {
    public let directory: StateDirectory
    public let name: String
    private static let suffix = ".epochs"
    /// 5,000 feeds with long names fit several times; more is not ours.
    private static let maximumBytes = 4 << 20

    /// The store of the worker `name`. Throws `.badName`.
    public init(name: String, directory: StateDirectory) throws(CoordinationError) {
        guard NameLock.isName(name) else {
            throw CoordinationError(.badName, "'\(name)' is no worker name; use 1 to 64 of A-Z a-z 0-9 _ -")
        }
        self.name = name
        self.directory = directory
    }

    /// The highest floors of all workers that keep theirs in this directory.
    ///
    /// A file that cannot be read, or is damaged, is logged and counts as far as it goes: a missing floor weakens only the memory of
    /// epochs over a loss of Redis' data. Throws `.stateDirectory` when the directory itself cannot be made or listed.
    public func load(logger: Logger) throws(CoordinationError) -> EpochFloors {
        try directory.prepare()
        var floors = EpochFloors()
        for file in try directory.files(suffix: Self.suffix) {
            do throws(CoordinationError) {
                let bytes = try directory.read(file, limit: Self.maximumBytes)
                let (found, badLines) = EpochFloors.decode(String(decoding: bytes, as: UTF8.self))
                floors.merge(found)
                if let first = badLines.first {
                    logger.warning(
                        "Epoch file is damaged; its readable lines are used",
                        metadata: ["file": "\(directory.file(file))", "bad_lines": "\(badLines.count)", "first_bad_line": "\(first)"])
                }
            } catch {
                logger.warning("Epoch file cannot be read; going on without it", metadata: ["reason": "\(error)"])
            }
        }
        return floors
    }

    /// Replaces this worker's file as a whole; a crash leaves the old one or the new one. Throws `.stateDirectory`.
    public func store(_ floors: EpochFloors) throws(CoordinationError) {
        try directory.replace("\(name)\(Self.suffix)", with: Array(floors.encoded.utf8))
    }
}
