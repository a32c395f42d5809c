internal import NIOCore
internal import NIOPosix
internal import Synchronization
internal import TransportSecurity

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Why a host name could not be resolved.
struct ResolveError: Error, Equatable, Sendable {
    var text: String
}

/// Resolves host names off the event loops and remembers the last good answer of each, for when the name service fails or hangs.
final class AddressBook: Sendable {
    static let shared = AddressBook(query: SystemResolver.addresses)

    /// Names remembered at most; an arbitrary one is forgotten for a new one.
    static let maxNames = 4096

    private struct State {
        var known: [String: [SocketAddress]] = [:]
        /// Lookups under way and who waits for them: one query per name at a time.
        var waiting: [String: [EventLoopPromise<[SocketAddress]>]] = [:]
    }

    private let state = Mutex(State())
    private let query: @Sendable (String) throws(ResolveError) -> [SocketAddress]
    /// Own threads: a name service that hangs must not block file work of others.
    private let threads = NIOThreadPool(numberOfThreads: 4)

    init(query: @escaping @Sendable (String) throws(ResolveError) -> [SocketAddress]) {
        self.query = query
        threads.start()
    }

    /// The addresses of `host`, in the order to try them.
    /// - Parameter patience: after so long without an answer the last good one is taken, if there is one.
    func addresses(of host: String, port: Int, patience: TimeAmount, on eventLoop: any EventLoop) -> EventLoopFuture<[SocketAddress]> {
        let promise = eventLoop.makePromise(of: [SocketAddress].self)
        let isFirst = state.withLock { state in
            state.waiting[host, default: []].append(promise)
            return state.waiting[host]?.count == 1
        }
        if isFirst {
            threads.submit { [self] phase in
                guard case .active = phase else { return finish(host, .failure(ResolveError(text: "the resolver is shut down"))) }
                finish(host, Result { () throws(ResolveError) in try query(host) })
            }
        }
        let impatience = eventLoop.scheduleTask(in: patience) { [self] in
            if let known = state.withLock({ $0.known[host] }) { promise.succeed(known) }
        }
        promise.futureResult.whenComplete { _ in impatience.cancel() }
        return promise.futureResult.map { addresses in
            addresses.map { address in
                var address = address
                address.port = port
                return address
            }
        }
    }

    private func finish(_ host: String, _ result: Result<[SocketAddress], ResolveError>) {
        let (promises, answer) = state.withLock { state -> ([EventLoopPromise<[SocketAddress]>], Result<[SocketAddress], ResolveError>) in
            let promises = state.waiting.removeValue(forKey: host) ?? []
            if case .success(let addresses) = result {
                if state.known.count >= Self.maxNames, state.known[host] == nil, let other = state.known.keys.first {
                    state.known[other] = nil
                }
                state.known[host] = addresses
                return (promises, result)
            }
            return (promises, state.known[host].map { .success($0) } ?? result)
        }
        for promise in promises { promise.completeWith(answer.mapError { $0 as any Error }) }
    }
}

/// The system's own resolver.
enum SystemResolver {
    #if canImport(Glibc)
        /// A name without addresses; glibc still answers it, for which the header wants extensions.
        private static let noData: CInt = -5
    #else
        private static let noData = EAI_NONAME
    #endif

    /// Blocks. The order is the system's (RFC 6724).
    static func addresses(of host: String) throws(ResolveError) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, nil, &hints, &list)
        guard result == 0 else {
            // The name service knows that there is no such name, or no address for it; everything else is its own trouble.
            if result == EAI_NONAME || result == noData { throw ResolveError(text: ErrorWords.notFound(host)) }
            throw ResolveError(text: "host name '\(host)' could not be looked up: \(String(cString: gai_strerror(result)))")
        }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ai_next
            guard let address = entry.pointee.ai_addr else { continue }
            switch entry.pointee.ai_family {
            case AF_INET: addresses.append(.init(address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee }))
            case AF_INET6: addresses.append(.init(address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { $0.pointee }))
            default: continue
            }
        }
        guard !addresses.isEmpty else { throw ResolveError(text: ErrorWords.notFound(host)) }
        return addresses
    }
}

/// Hands addresses that are known already to NIO's connector, which tries them by the rules of RFC 8305.
struct KnownAddresses: Resolver, Sendable {
    var addresses: [SocketAddress]
    var eventLoop: any EventLoop

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { answer(.inet) }
    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { answer(.inet6) }
    func cancelQueries() {}

    private func answer(_ family: NIOBSDSocket.ProtocolFamily) -> EventLoopFuture<[SocketAddress]> {
        eventLoop.makeSucceededFuture(addresses.filter { $0.protocol == family })
    }
}
