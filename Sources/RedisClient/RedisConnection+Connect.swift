public import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import TransportSecurity

extension RedisConnection {
    /// Connects, then AUTH, SELECT and CLIENT SETNAME as asked for. Throws a `RedisError` that tells refused, unreachable, timeout, TLS, wrong
    /// password and LOADING apart. `timeout` bounds the whole: name look-up, TCP, TLS, login.
    ///
    /// A server that answers, but refuses writes or runs a long script (`MISCONF`, `BUSY`), counts as connected. A user who may not run
    /// CLIENT SETNAME stays without a name. Behind Sentinels the server's ROLE is `master`, and its `endpoint` the one that was found; `timeout`
    /// then bounds the search as well. Cancellation throws `.cancelled` at once and closes what was under way.
    public static func connect(
        to endpoint: RedisEndpoint, name: String? = nil, on eventLoop: any EventLoop, timeout: Duration = .seconds(2),
        options: Options = Options()
    ) async throws(RedisError) -> RedisConnection {
        let connection = Handoff<RedisConnection>()
        connect(to: endpoint, name: name, on: eventLoop, timeout: timeout, options: options) { connection.fill($0) }
        return try await connection.value { "the task that connected to \(endpoint) was cancelled" }
    }

    /// The same for callers on the event loop; `completion` is called on it.
    public static func connect(
        to endpoint: RedisEndpoint, name: String? = nil, on eventLoop: any EventLoop, timeout: Duration = .seconds(2),
        options: Options = Options(), completion: @escaping @Sendable (Result<RedisConnection, RedisError>) -> Void
    ) {
        if let sentinel = endpoint.sentinel {
            SentinelClients.shared.client(of: sentinel, endpoint: endpoint).connect(
                MasterRequest(endpoint: endpoint, name: name, eventLoop: eventLoop, options: options, completion: completion),
                timeout: timeout)
        } else {
            connect(to: endpoint, name: name, on: eventLoop, timeout: timeout, options: options, onMasterless: nil, completion: completion)
        }
    }

    /// `endpoint`: a server's own. With `onMasterless` it must be a master; that is called, on the event loop, when it refuses writes because
    /// it has lost its replicas. One that has become a replica is hung up on.
    static func connect(
        to endpoint: RedisEndpoint, name: String?, on eventLoop: any EventLoop, timeout: Duration, options: Options,
        onMasterless: (@Sendable () -> Void)?, completion: @escaping @Sendable (Result<RedisConnection, RedisError>) -> Void
    ) {
        let deadline = NIODeadline.now() + TimeAmount(timeout)
        let greeting: [RedisGreeting]
        let serverName: String?
        do throws(RedisError) {
            serverName = try endpoint.tls.flatMap { tls throws(RedisError) in try tls.nameToVerify(at: endpoint) }
            greeting = try RedisGreeting.steps(endpoint: endpoint, name: name, mustBeMaster: onMasterless != nil)
        } catch {
            return eventLoop.execute { completion(.failure(error)) }
        }
        tlsContext(for: endpoint, on: eventLoop).flatMap { tls in
            open(
                endpoint, tls: tls, serverName: serverName, on: eventLoop, deadline: deadline, options: options, onMasterless: onMasterless)
        }.whenComplete { result in
            switch result {
            case .failure(let error): completion(.failure(RedisError(connecting: endpoint, cause: error)))
            case .success(let connection): connection.greet(greeting, deadline: deadline, completion: completion)
            }
        }
    }

    private static func tlsContext(for endpoint: RedisEndpoint, on eventLoop: any EventLoop) -> EventLoopFuture<NIOSSLContext?> {
        guard let tls = endpoint.tls else { return eventLoop.makeSucceededFuture(nil) }
        return NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { try TLSContexts.shared.context(for: tls) }
    }

    private static func open(
        _ endpoint: RedisEndpoint, tls: NIOSSLContext?, serverName: String?, on eventLoop: any EventLoop, deadline: NIODeadline,
        options: Options, onMasterless: (@Sendable () -> Void)?
    ) -> EventLoopFuture<RedisConnection> {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(max(.nanoseconds(1), deadline - .now()))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let handler = try ServerName.tlsHandler(context: tls, name: serverName)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        RedisChannelHandler(endpoint: endpoint, options: options, onMasterless: onMasterless))
                }
            }
        let channel: EventLoopFuture<any Channel>
        switch endpoint.address {
        case .unix(let path):
            channel = bootstrap.connect(unixDomainSocketPath: path)
        case .sentinel:
            preconditionFailure("\(endpoint) is no server's address: the master is found first")
        case .tcp(let host, let port):
            channel = bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1).withUserTimeout(options.userTimeout)
                .connect(host: host, port: port)
        }
        return channel.flatMapThrowing { channel in
            RedisConnection(channel: channel, handler: try channel.pipeline.syncOperations.handler(type: RedisChannelHandler.self))
        }
    }

    /// Sends the steps in one go; the first that fails decides.
    private func greet(
        _ steps: [RedisGreeting], deadline: NIODeadline, completion: @escaping @Sendable (Result<RedisConnection, RedisError>) -> Void
    ) {
        let outcome = NIOLoopBoundBox<RedisError?>(nil, eventLoop: eventLoop)
        let handler = handler.value
        for (index, step) in steps.enumerated() {
            handler.call(step.command, deadline: deadline) { reply in
                if outcome.value == nil { outcome.value = step.failure(reply, at: self.endpoint) }
                guard index == steps.count - 1 else { return }
                if let error = outcome.value {
                    self.close()
                    completion(.failure(error))
                } else {
                    completion(.success(self))
                }
            }
        }
        handler.flush()
    }
}

extension ClientBootstrap {
    fileprivate func withUserTimeout(_ timeout: Duration) -> ClientBootstrap {
        #if os(Linux)
            // TCP_USER_TIMEOUT is option 18 of level IPPROTO_TCP, in milliseconds.
            let milliseconds = max(1, TimeAmount(timeout).nanoseconds / 1_000_000)
            return channelOption(.tcpOption(.init(rawValue: 18)), value: .init(clamping: milliseconds))
        #else
            return self
        #endif
    }
}

extension RedisEndpoint.TLS {
    /// The host name to verify and to send as SNI. Nil for an address, which is no name for SNI: the certificate is then checked against the
    /// address connected to.
    fileprivate func nameToVerify(at endpoint: RedisEndpoint) throws(RedisError) -> String? {
        switch (serverName, endpoint.address) {
        case (let name?, .tcp(let host, _)) where name == host: return name.isIPAddress ? nil : name
        case (let name?, _) where name.isIPAddress:
            throw RedisError(.usage, "the TLS server name of \(endpoint) is an address other than the one connected to; give a host name")
        case (let name?, _): return name
        case (nil, .tcp(let host, _)): return host.isIPAddress ? nil : host
        case (nil, .sentinel): return nil
        case (nil, .unix): throw RedisError(.usage, "TLS over the socket \(endpoint) needs a server name to verify")
        }
    }
}

extension String {
    fileprivate var isIPAddress: Bool {
        (try? SocketAddress(ipAddress: self, port: 0)) != nil
    }
}
