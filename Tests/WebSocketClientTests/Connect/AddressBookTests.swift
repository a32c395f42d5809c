import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import WebSocketClient

@Suite struct AddressBookTests {
    private static let address = try? SocketAddress(ipAddress: "192.0.2.7", port: 0)

    private static func lookUp(_ book: AddressBook, _ host: String, patience: TimeAmount = .seconds(30)) async throws -> [String] {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
        let found = try await eventLoop.flatSubmit { book.addresses(of: host, port: 443, patience: patience, on: eventLoop) }.get()
        return found.map { "\($0.ipAddress ?? "?"):\($0.port ?? 0)" }
    }

    @Test("When the name service fails, the last good answer is used", .timeLimit(.minutes(1)))
    func remembers() async throws {
        let calls = Mutex(0)
        let address = try #require(Self.address)
        let book = AddressBook { (_) throws(ResolveError) in
            let call = calls.withLock { calls in
                calls += 1
                return calls
            }
            guard call == 1 else { throw ResolveError(text: "name service gone") }
            return [address]
        }
        #expect(try await Self.lookUp(book, "a.test") == ["192.0.2.7:443"])
        #expect(try await Self.lookUp(book, "a.test") == ["192.0.2.7:443"])
        #expect(calls.withLock { $0 } == 2, "it was asked again")
        await #expect(throws: ResolveError(text: "name service gone")) { try await Self.lookUp(book, "b.test") }
    }

    @Test("When the name service hangs, the last good answer is used after a while", .timeLimit(.minutes(1)))
    func losesPatience() async throws {
        let address = try #require(Self.address)
        let gates = Mutex(0)
        let opener = Gate()
        let book = AddressBook { (_) throws(ResolveError) in
            let call = gates.withLock { calls in
                calls += 1
                return calls
            }
            if call > 1 { opener.wait() }
            return [address]
        }
        #expect(try await Self.lookUp(book, "a.test") == ["192.0.2.7:443"])
        #expect(try await Self.lookUp(book, "a.test", patience: .milliseconds(1)) == ["192.0.2.7:443"])
        opener.open()
    }

    @Test("Lookups of one name at the same time share one query", .timeLimit(.minutes(1)))
    func shares() async throws {
        let address = try #require(Self.address)
        let calls = Mutex(0)
        let gate = Gate()
        let book = AddressBook { (_) throws(ResolveError) in
            calls.withLock { $0 += 1 }
            gate.wait()
            return [address]
        }
        let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
        let futures = try await eventLoop.submit {
            (0..<5).map { _ in book.addresses(of: "a.test", port: 1, patience: .seconds(30), on: eventLoop) }
        }.get()
        gate.open()
        for future in futures { #expect(try await future.get().count == 1) }
        #expect(calls.withLock { $0 } == 1)
    }

    @Test("The system resolves localhost and does not resolve a reserved name", .timeLimit(.minutes(1)))
    func resolves() async throws {
        #expect(try await Self.lookUp(.shared, "localhost").contains { $0 == "127.0.0.1:443" || $0 == "::1:443" })
        await #expect(throws: ResolveError.self) { try await Self.lookUp(.shared, "name.invalid") }
    }
}
