import NIOCore
import NIOPosix
import Testing
import TransportSecurity

@Suite struct ErrorWordsTests {
    @Test(arguments: [(104, "connection reset by peer"), (111, "connection refused"), (32, "broken pipe"), (110, "connection timed out")])
    func `an error of the system is what the system calls it, without the function that had it`(code: Int32, words: String) {
        #expect(ErrorWords.of(IOError(errnoCode: code, reason: "read(descriptor:pointer:size:)")) == words)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a name that nobody has is told as such`() async throws {
        // `.invalid` never exists (RFC 2606); a host without any name service says the same.
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        let error = await #expect(throws: (any Error).self) { try await bootstrap.connect(host: "nowhere.invalid", port: 1).get() }
        let words = error.map { ErrorWords.of($0) }
        #expect(words == "host name 'nowhere.invalid' not found")
    }

    @Test(.timeLimit(.minutes(1)))
    func `each address that was tried is told with its reason`() async throws {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).resolver(Loopback())
        // Nobody listens on port 1.
        let error = await #expect(throws: (any Error).self) { try await bootstrap.connect(host: "two.test", port: 1).get() }
        let words = error.map { ErrorWords.of($0) }
        #expect(words == "127.0.0.1: connection refused; 127.0.0.2: connection refused")
    }

    @Test func `what nobody put into words stays as it is`() {
        struct Odd: Error, CustomStringConvertible { var description: String { "odd thing" } }
        #expect(ErrorWords.of(Odd()) == "odd thing")
        #expect(ErrorWords.of(ChannelError.connectTimeout(.seconds(2))) == "no answer within 2000 ms")
    }

    /// A name with two addresses.
    private struct Loopback: Resolver, Sendable {
        private let loop = MultiThreadedEventLoopGroup.singleton.next()

        func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
            loop.makeCompletedFuture {
                try ["127.0.0.1", "127.0.0.2"].map { try SocketAddress(ipAddress: $0, port: port) }
            }
        }
        func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { loop.makeSucceededFuture([]) }
        func cancelQueries() {}
    }
}
