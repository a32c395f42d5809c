internal import Coordination
internal import FaultInjection
internal import Glibc
internal import NIOCore
internal import NIOPosix

/// The simulated exchanges, in a process of their own so that its clock and its record are honest whatever happens here.
package final class ExchangeProcess: Sendable {
    private let child: ChildProcess
    private let controlPath: String
    /// Where they are reached, over the long way if the plan has one.
    package let port: Int
    package let caFile: String
    /// Path of an exchange's URL, behind the port.
    package let paths: [String: String]

    private init(child: ChildProcess, controlPath: String, port: Int, caFile: String, paths: [String: String]) {
        self.child = child
        self.controlPath = controlPath
        self.port = port
        self.caFile = caFile
        self.paths = paths
    }

    static func start(_ plan: DrillPlan, directory: DrillDirectory, network: any DrillNetwork) async throws -> ExchangeProcess {
        let control = "\(directory.path)/exchange.sock"
        let words =
            [plan.options.executable, "drill-exchange", "--host", network.exchangeBind, "--exchanges"]
            + [plan.exchanges.joined(separator: ","), "--rate", "\(plan.rate)", "--seed", "\(plan.options.seed)"]
            + ["--directory", directory.path, "--truth", directory.truth, "--control", control]
            + ["--heartbeat-factor", "\(plan.heartbeatFactor)", "--latency", "\(plan.latency.wholeMilliseconds)ms"]
            + (network.announcesClients ? ["--announced"] : [])
        let child = try await Launch.start(network.command(at: .exchanges, words))
        do {
            try await child.output.waitFor("ready ")
        } catch {
            await Launch.end(child)
            throw DrillError(.setup, "the simulated exchanges did not start: \(child.output.text)")
        }
        var port = 0
        var ca = ""
        var paths: [String: String] = [:]
        for line in child.output.text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 2).map(String.init)
            switch words.first {
            case "port": port = words.count > 1 ? Int(words[1]) ?? 0 : 0
            case "ca": ca = words.count > 1 ? words[1] : ""
            case "url" where words.count == 3: paths[words[1]] = words[2]
            default: break
            }
        }
        guard port > 0, !ca.isEmpty, plan.exchanges.allSatisfy({ paths[$0] != nil }) else {
            await Launch.end(child)
            throw DrillError(.setup, "the simulated exchanges said something unexpected at their start: \(child.output.text)")
        }
        return ExchangeProcess(child: child, controlPath: control, port: port, caFile: ca, paths: paths)
    }

    /// Writes the record's end and goes.
    func stop() async { await Launch.end(child, patience: .seconds(20)) }

    /// Gives a command of the simulator's control protocol; returns its answer behind `ok`.
    @discardableResult
    package func command(_ text: String) async throws -> String {
        let path = controlPath
        let answer = try await NIOThreadPool.singleton.runIfActive { try Self.exchange(text, at: path) }
        guard answer.hasPrefix("ok") else { throw DrillError(.injection, "the simulated exchanges refused '\(text)': \(answer)") }
        return String(answer.dropFirst(3))
    }

    private static func exchange(_ text: String, at path: String) throws -> String {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw DrillError(.injection, "no socket can be opened (errno \(errno))") }
        defer { close(descriptor) }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        guard connected == 0 else { throw DrillError(.injection, "the simulated exchanges take no commands at \(path) (errno \(errno))") }
        let line = Array((text + "\n").utf8)
        let sent = line.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while sent == line.count, answer.last != 0x0A {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw DrillError(.injection, "the simulated exchanges did not answer '\(text)' (errno \(errno))") }
            answer += buffer[..<count]
        }
        return String(decoding: answer.dropLast(), as: UTF8.self)
    }
}
