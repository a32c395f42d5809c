import Coordination
import Glibc

/// A worker process as it is measured: by its supervisor, or from what it tells Redis.
public struct WorkerSample: Sendable {
    public var name: String
    public var isUp: Bool
    /// `ready`, `draining`; empty before the first report.
    public var state: String
    /// Whether its control connection to Redis is up; nil: not known.
    public var isRedisUp: Bool?
    /// Times it was started again; nil: not known.
    public var restarts: Int?
    public var heldFeeds: Int
    /// User and system time of the process, seconds.
    public var cpuSeconds: Double?
    public var residentBytes: Int?
    /// Reports of the feeds it holds or has received packets of, by feed.
    public var feeds: [String: WorkerFeedReport]

    public init(
        name: String, isUp: Bool, state: String, isRedisUp: Bool? = nil, restarts: Int? = nil, heldFeeds: Int, cpuSeconds: Double? = nil,
        residentBytes: Int? = nil, feeds: [String: WorkerFeedReport]
    ) {
        self.name = name
        self.isUp = isUp
        self.state = state
        self.isRedisUp = isRedisUp
        self.restarts = restarts
        self.heldFeeds = heldFeeds
        self.cpuSeconds = cpuSeconds
        self.residentBytes = residentBytes
        self.feeds = feeds
    }
}

/// What the kernel tells of a process in `/proc`.
enum ProcessUsage {
    /// nil when there is no such process.
    static func read(_ pid: Int32) -> (cpuSeconds: Double, residentBytes: Int)? {
        guard pid > 0, let file = fopen("/proc/\(pid)/stat", "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = fread(&bytes, 1, bytes.count, file)
        // The second field is the program's name in parentheses, which may hold anything.
        guard let end = bytes.prefix(count).lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = String(decoding: bytes[(end + 1)..<count], as: UTF8.self).split(separator: " ")
        guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]), let pages = Int(fields[21]) else {
            return nil
        }
        return ((user + system) / Double(sysconf(Int32(_SC_CLK_TCK))), pages * sysconf(Int32(_SC_PAGESIZE)))
    }
}
