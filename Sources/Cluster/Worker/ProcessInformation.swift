import Glibc

/// Facts about this process and host.
public enum ProcessInformation {
    public static let version = "0.1.0"

    public static var pid: Int32 { getpid() }

    public static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count) == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The path this program was started by, absolute, links not followed: what is there later may be a newer program.
    public static var launchPath: String {
        guard let first = CommandLine.arguments.first, first.contains("/") else { return executable }
        if first.hasPrefix("/") { return first }
        var buffer = [CChar](repeating: 0, count: 4096)
        guard getcwd(&buffer, buffer.count) != nil else { return executable }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) + "/" + first
    }

    /// Absolute path of the running program.
    public static var executable: String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard count > 0 else { return CommandLine.arguments.first ?? "colony" }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
