import Cluster
import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage

/// A program that takes packets from a websocket and stores them in Redis streams, and can be measured.
struct PathProgram: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        /// `colony worker` of this or another build.
        case worker(executable: String)
        /// Takes `host port path subscribe-text redis-socket stream count`, then the encoder if it has a choice, then the authority's file for TLS.
        case peer(command: [String], encoder: String?)
    }

    /// What a peer is compared by.
    enum Role: Hashable, Sendable {
        case worker, hiredis, resp, compiled, python, original
    }

    var name: String
    var role: Role
    var kind: Kind
    /// How many of the packets it gets: the slow ones would take all day.
    var share = 1.0

    func packets(of all: Int) -> Int { max(2000, Int(Double(all) * share)) }

    static func worker(_ executable: String, name: String = "colony worker") -> PathProgram {
        PathProgram(name: name, role: .worker, kind: .worker(executable: executable))
    }
}

/// The programs of this run, and those that are left out with the reason.
struct PathPrograms: Sendable {
    var measured: [PathProgram]
    var missing: [(name: String, reason: String)] = []
    /// What the peers say about their versions.
    var versions: [String] = []

    private struct Candidate {
        var program: PathProgram
        /// Exits with 0 and prints versions where the peer can run.
        var probe: [String]
    }

    /// `directory` holds the C programs, `peers` what `scripts/bench` prepared; nil: none.
    static func find(directory: String, peers: String?, against: String?) async throws -> PathPrograms {
        let baseline = "\(directory)/PathBaseline"
        for program in ["PathBaseline", "PathCeiling", "PathReader"] where access("\(directory)/\(program)", X_OK) != 0 {
            throw ClusterError(.configuration, "\(directory)/\(program) is not there; build everything: swift build -c release")
        }
        var found = PathPrograms(measured: [.worker(ProcessInformation.executable)])
        if let against {
            guard access(against, X_OK) == 0 else { throw ClusterError(.configuration, "--against \(against) is not a program") }
            found.measured.append(.worker(against, name: "colony worker, other build"))
        }
        found.measured += [
            PathProgram(name: "C, hiredis", role: .hiredis, kind: .peer(command: [baseline], encoder: "hiredis")),
            PathProgram(name: "C, protocol by hand", role: .resp, kind: .peer(command: [baseline], encoder: "resp")),
        ]
        for candidate in candidates(peers ?? "") {
            if peers == nil {
                found.missing.append((candidate.program.name, "no --peers directory; scripts/bench prepares one"))
                continue
            }
            do {
                let outcome = try await Subprocess.run(
                    .path(FilePath(candidate.probe[0])), arguments: Arguments(Array(candidate.probe.dropFirst())),
                    environment: .inherit.updating(["NODE_PATH": nodePath]), output: .string(limit: 4096), error: .string(limit: 65_536))
                guard outcome.terminationStatus.isSuccess else {
                    let words = outcome.standardError.split(separator: "\n").last.map { String($0.prefix(200)) }
                    found.missing.append((candidate.program.name, words ?? "\(candidate.probe[0]) failed"))
                    continue
                }
                for version in outcome.standardOutput.split(separator: "\n").map(String.init) where !found.versions.contains(version) {
                    found.versions.append(version)
                }
                found.measured.append(candidate.program)
            } catch let error as SubprocessError {
                found.missing.append((candidate.program.name, "\(candidate.probe[0]) does not run: \(error.description.prefix(120))"))
            }
        }
        return found
    }

    static let nodePath = "/usr/share/nodejs:/usr/lib/nodejs"

    private static func candidates(_ peers: String) -> [Candidate] {
        let python = "\(peers)/venv/bin/python3"
        func script(_ name: String, _ role: PathProgram.Role, _ file: String, modules: [String], share: Double) -> Candidate {
            let code =
                "import sys, \(modules.joined(separator: ", ")); from importlib.metadata import version; print('Python', sys.version.split()[0]); "
                + "[print(n, version(n)) for n in sys.argv[1:]]"
            let packages = modules.map { $0 == "websocket" ? "websocket-client" : $0 }
            return Candidate(
                program: PathProgram(
                    name: name, role: role, kind: .peer(command: [python, "\(peers)/\(file)"], encoder: nil), share: share),
                probe: [python, "-c", code] + packages)
        }
        return [
            Candidate(
                program: PathProgram(
                    name: "Go, gorilla + redigo", role: .compiled, kind: .peer(command: ["\(peers)/gorilla_redigo"], encoder: nil),
                    share: 0.5),
                probe: ["\(peers)/gorilla_redigo", "version"]),
            Candidate(
                program: PathProgram(
                    name: "Node, ws + redis", role: .compiled,
                    kind: .peer(command: ["/usr/bin/env", "node", "\(peers)/node_redis.js"], encoder: nil), share: 0.25),
                probe: ["/usr/bin/env", "node", "\(peers)/node_redis.js", "version"]),
            script(
                "Python, picows + redis-py", .python, "picows_redis.py", modules: ["picows", "redis", "hiredis"], share: 0.1),
            script(
                "Python, websockets + redis-py", .python, "websockets_redis.py", modules: ["websockets", "redis", "hiredis"], share: 0.1),
            script(
                "Python, websocket-client + redis-py", .original, "websocket_client_redis.py", modules: ["websocket", "redis"],
                share: 0.03),
        ]
    }
}
