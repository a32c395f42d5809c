import Coordination
import Logging
import NIOCore
import RedisClient

/// Asks once a second whether so many replicas have everything that was written so far: PING, then WAIT, on a connection of its own, because WAIT
/// holds up whatever is written behind it.
///
/// WAIT waits for the offset of the connection's last command, which is the server's at that moment, whoever wrote. Bound to its event loop.
final class ReplicaProbe {
    private let endpoint: RedisEndpoint
    private let name: String
    private let eventLoop: any EventLoop
    private let logger: Logger
    private var connection: RedisConnection?
    /// The server that the connection reaches.
    private var connectedRunID = ""
    private var isBusy = false
    private var isClosed = false
    /// How long WAIT waits.
    private static let patience: Duration = .milliseconds(500)

    init(endpoint: RedisEndpoint, name: String, on eventLoop: any EventLoop, logger: Logger) {
        self.endpoint = endpoint
        self.name = name
        self.eventLoop = eventLoop
        self.logger = logger
    }

    func close() {
        isClosed = true
        connection?.close()
        connection = nil
    }

    /// One question; `completion` gets the local time up to which everything answered is on as many `replicas`, or nil. Without effect while the one
    /// before is open: then `completion` is not called.
    func ask(serverRunID: String, replicas: Int = 1, completion: @escaping (LocalTime?) -> Void) {
        guard !isBusy, !isClosed else { return }
        isBusy = true
        if let connection {
            if connectedRunID == serverRunID { return wait(connection, replicas, completion) }
            connection.close()
            self.connection = nil
        }
        let bound = NIOLoopBound((self, completion, serverRunID, replicas), eventLoop: eventLoop)
        RedisConnection.connect(to: endpoint, name: name, on: eventLoop) { result in
            let (probe, completion, serverRunID, replicas) = bound.value
            switch result {
            case .success(let connection): probe.identify(connection, serverRunID, replicas, completion)
            case .failure: probe.finish(nil, completion)
            }
        }
    }

    /// Another server than the one the packets went to proves nothing about them.
    private func identify(
        _ connection: RedisConnection, _ serverRunID: String, _ replicas: Int, _ completion: @escaping (LocalTime?) -> Void
    ) {
        send(["INFO", "server"], connection) { [self] reply in
            guard let text = reply?.string, RedisServerInfo(text).runID == serverRunID, !isClosed else {
                connection.close()
                return finish(nil, completion)
            }
            self.connection = connection
            connectedRunID = serverRunID
            let bound = NIOLoopBound(self, eventLoop: eventLoop)
            connection.closeFuture.whenComplete { _ in bound.value.lost(connection) }
            wait(connection, replicas, completion)
        }
    }

    private func wait(_ connection: RedisConnection, _ replicas: Int, _ completion: @escaping (LocalTime?) -> Void) {
        let askedAt = LocalTime.now()
        send(["PING"], connection) { _ in }
        send(["WAIT", RedisArgument(replicas), .string("\(Self.patience.wholeMilliseconds)")], connection) { [self] reply in
            finish((reply?.integer ?? 0) >= Int64(replicas) ? askedAt : nil, completion)
        }
    }

    private func send(_ command: [RedisArgument], _ connection: RedisConnection, _ completion: @escaping (RedisValue?) -> Void) {
        var buffer = ByteBufferAllocator().buffer(capacity: 64)
        RedisCommandEncoder.append(command, to: &buffer)
        connection.write([buffer], timeout: Self.patience + .seconds(2)) { [logger, endpoint] result in
            switch result {
            case .success(let value): completion(value)
            case .failure(let error):
                logger.debug("Replicas cannot be asked", error: error, metadata: ["redis": "\(endpoint)"])
                completion(nil)
            }
        }
        connection.flush()
    }

    private func finish(_ confirmed: LocalTime?, _ completion: @escaping (LocalTime?) -> Void) {
        isBusy = false
        completion(confirmed)
    }

    private func lost(_ connection: RedisConnection) {
        if self.connection === connection { self.connection = nil }
    }
}
