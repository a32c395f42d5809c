import Cluster
import Coordination
import Foundation
import Logging
import RedisClient
import TestSupport
import Testing

/// Configurations that name Sentinels, and what the program says of them.
@Suite(.timeLimit(.minutes(3))) struct SentinelClusterTests {
    private static func load(_ flags: [String: String], file: String? = nil) throws -> ColonyConfiguration {
        try ConfigurationLoader(file: file, environment: [:], flags: flags).load().configuration
    }

    @Test func `redis direct is refused behind Sentinels, with the reason`() throws {
        let error = #expect(throws: ClusterError.self) {
            try Self.load(["redis.url": "redis+sentinel://a,b/m", "redis.direct": "true"])
        }
        #expect(error?.code == .configuration)
        #expect(error?.description.contains("redis.direct") == true && error?.description.contains("proves nothing") == true)
        #expect(try Self.load(["redis.url": "redis://a", "redis.direct": "true"]).redis.direct)
    }

    @Test func `a configuration made in code is refused as well`() async {
        var configuration = ColonyConfiguration()
        configuration.redis.endpoint = RedisEndpoint(address: .sentinel(.init(nodes: [.init(host: "a", port: 1)], master: "m")))
        configuration.redis.direct = true
        let error = await #expect(throws: ClusterError.self) { try await WorkerProcess.check(configuration, logger: Logger(label: "test")) }
        #expect(error?.code == .configuration)
    }

    @Test func `the Sentinels' login is theirs alone, and stands in a file while a flag names another Redis`() throws {
        let path = try OrphanGuard.shared.makeDirectory("sentinel")
        try "s3cret\n".write(toFile: path + "/password", atomically: true, encoding: .utf8)
        try """
        redis:
          url: rediss+sentinel://a:1,b/m
          username: worker
          password: other
          sentinel: { username: watcher, password_file: "\(path)/password" }
          tls: { server_name: redis.example.org }
        """.write(toFile: path + "/colony.yaml", atomically: true, encoding: .utf8)
        let redis = try Self.load([:], file: path + "/colony.yaml").redis
        let sentinel = try #require(redis.endpoint.sentinel)
        #expect(sentinel.username == "watcher" && sentinel.password == "s3cret" && sentinel.master == "m")
        #expect(sentinel.nodes == [RedisNode(host: "a", port: 1), RedisNode(host: "b", port: 26_379)])
        #expect(redis.endpoint.username == "worker" && redis.endpoint.password == "other")
        #expect(redis.endpoint.tls?.serverName == "redis.example.org")
        #expect(redis.retryCap == .milliseconds(250))
        let single = try Self.load(["redis.url": "redis://c"], file: path + "/colony.yaml").redis
        #expect(single.endpoint.sentinel == nil && single.retryCap == .seconds(1))
    }

    @Test func `all Sentinels away at the start is one clear line`() async throws {
        let port = try freePort()
        let state = try OrphanGuard.shared.makeDirectory("state")
        let outcome = try await ColonyProgram.run([
            "worker", "--single", "--redis", "redis+sentinel://127.0.0.1:\(port)/m", "--set", "worker.state_directory=\(state)",
        ])
        #expect(outcome.exit == .code(69), "\(outcome.errors)")
        for word in ["master 'm'", "127.0.0.1:\(port)", "refused"] { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
    }

    @Test func `real Sentinels are examined, with a user of least rights, and their times checked`() async throws {
        var options = ReplicatedRedis.Options()
        options.replicas = 1
        options.sentinels = 1
        options.quorum = 1
        // Too short for the leases: 2 s + 1 s + 4.5 s + 0.75 s is not below 1 s + 6 s.
        options.downAfter = .seconds(1)
        let rule = try #require(AccessRules.lines(namespace: "colony", hasSentinels: true).last)
        options.sentinelDirectives = [rule]
        try await withReplicatedRedis(options) { group in
            let directory = try OrphanGuard.shared.makeDirectory("sentinel")
            let file = directory + "/colony.yaml"
            try """
            redis:
              url: "\(group.endpoint)"
              sentinel: { username: colony-sentinel, password: CHANGE-ME-4 }
            worker: { state_directory: "\(directory)/state" }
            """.write(toFile: file, atomically: true, encoding: .utf8)
            let configuration = try Self.load([:], file: file)

            let states = await configuration.redis.endpoint.sentinelStates()
            #expect(try states.first?.state.get().downAfter == .seconds(1))
            let connection = try await RedisConnection.connect(
                to: configuration.redis.endpoint, on: Loops.next(), timeout: .seconds(20))
            connection.close()
            var login = RedisEndpoint(address: .tcp(host: "127.0.0.1", port: group.sentinelNodes[0].port))
            (login.username, login.password) = ("colony-sentinel", "CHANGE-ME-4")
            let watcher = try await RedisConnection.connect(to: login, on: Loops.next(), timeout: .seconds(20))
            let denied = await #expect(throws: RedisError.self) { try await watcher.send(["SENTINEL", "FAILOVER", "colony"]) }
            #expect(denied?.code == .noPermission)
            try await watcher.subscribe(to: ["+switch-master"], timeout: .seconds(20)) { _ in }
            watcher.close()

            let worker = try await ColonyProgram.run(["worker", "--single", "--config", file])
            #expect(worker.exit == .code(64), "\(worker.errors)")
            for word in ["I4", "8250 ms", "7000 ms"] { #expect(worker.errors.contains(word), "\(worker.errors)") }
            let doctor = try await ColonyProgram.run(["doctor", "--config", file, "--exchanges", "none"])
            #expect(doctor.exit == .code(1), "\(doctor.output)\(doctor.errors)")
            for word in ["quorum 1 of 1 Sentinels", "1 replicas", "I4", "min-replicas-to-write 1", "run three"] {
                #expect(doctor.output.contains(word), "\(word) is missing: \(doctor.output)")
            }
        }
    }
}
