import FoundationEssentials
import Glibc

/// CPU time and memory of another process, from /proc.
struct ProcessUsage: Sendable {
    /// Of the threads that live.
    var cpuSeconds = 0.0
    var residentKilobytes = 0
    var peakMemoryKilobytes = 0

    init(pid: Int32) {
        // Nanoseconds on a processor, thread by thread: `stat` counts in ticks of 10 ms, which is a fifth of a short run.
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []  // Empty: the process is gone.
        for thread in threads {
            guard let text = Self.read("/proc/\(pid)/task/\(thread)/schedstat"), let first = text.split(separator: " ").first,
                let nanoseconds = Double(first)
            else { continue }
            cpuSeconds += nanoseconds / 1e9
        }
        for line in Self.read("/proc/\(pid)/status")?.split(separator: "\n") ?? [] {
            if line.hasPrefix("VmHWM") { peakMemoryKilobytes = Int(line.filter(\.isNumber)) ?? 0 }
            if line.hasPrefix("VmRSS") { residentKilobytes = Int(line.filter(\.isNumber)) ?? 0 }
        }
    }

    static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}

/// What a result was measured on.
struct BenchMachine: Sendable, Encodable {
    var processor: String
    var cores: Int
    var memoryGigabytes: Int
    var kernel: String
    /// Load average of the minute before the run: what else went on.
    var loadBefore: String

    init() {
        let cpu = ProcessUsage.read("/proc/cpuinfo")?.split(separator: "\n").first { $0.hasPrefix("model name") }
        processor = cpu.flatMap { $0.split(separator: ":").last.map { $0.drop(while: \.isWhitespace) } }.map(String.init) ?? "unknown"
        cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        memoryGigabytes = (sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))) >> 30
        var names = utsname()
        uname(&names)
        kernel = withUnsafeBytes(of: &names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        loadBefore = ProcessUsage.read("/proc/loadavg")?.split(separator: " ").first.map(String.init) ?? "?"
    }

    var line: String { "\(processor), \(cores) cores, \(memoryGigabytes) GiB, Linux \(kernel), load before the run \(loadBefore)" }
}
