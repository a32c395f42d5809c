import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import WebSocketClient

/// What becomes of the addresses of a host: both families, the one that hangs, the name service that goes away.
@Suite struct AddressTests {
    static let hasIPv6 = BusyPort.hasIPv6

    @Test("A reconnect outlives an outage of the name service", .timeLimit(.minutes(1)))
    func outlivesOutages() async throws {
        let isDown = Atomic(false)
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 0)
        let book = AddressBook { (_) throws(ResolveError) in
            guard !isDown.load(ordering: .relaxed) else { throw ResolveError(text: "name service gone") }
            return [address]
        }
        for round in 0..<3 {
            isDown.store(round > 0, ordering: .relaxed)
            try await ScriptedPeer.run { peer in
                try await peer.upgrade(behind: Frame.text("round \(round)"))
                await peer.waitForEnd()
            } body: { port in
                let client = try await Client.open(WebSocketConfiguration(url: "ws://exchange.test:\(port)/"), addressBook: book)
                #expect(await client.next() == .text("round \(round)"))
                await client.onLoop { $0.abort() }
            }
        }
        let other = try await Client.failure(WebSocketConfiguration(url: "ws://unmet.test/"), addressBook: book)
        #expect(other?.code == .resolve && other?.description.contains("name service gone") == true)
    }

    @Test(
        "While the first address hangs, the next is tried beside it (RFC 8305)", .enabled(if: hasIPv6, "needs IPv6 on the loopback"),
        .timeLimit(.minutes(1)))
    func triesTheNext() async throws {
        try await ScriptedPeer.run { peer in
            try await peer.upgrade(behind: Frame.text("by IPv4"))
            await peer.waitForEnd()
        } body: { port in
            // Another process may hold the port in the other family: then there is nothing to test this time.
            guard let busy = BusyPort(port) else { return }
            defer { busy.close() }
            let addresses = [try SocketAddress(ipAddress: "::1", port: 0), try SocketAddress(ipAddress: "127.0.0.1", port: 0)]
            let book = AddressBook { (_) throws(ResolveError) in addresses }
            let client = try await Client.open(WebSocketConfiguration(url: "ws://exchange.test:\(port)/"), addressBook: book)
            #expect(await client.next() == .text("by IPv4"))
            #expect(client.upgrade.peer == "127.0.0.1:\(port)")
            await client.onLoop { $0.abort() }
        }
    }

    @Test(
        "An IPv6 literal is connected to, and named with brackets", .enabled(if: hasIPv6, "needs IPv6 on the loopback"),
        .timeLimit(.minutes(1)))
    func connectsToIPv6() async throws {
        try await ScriptedPeer.run(host: "::1") { peer in
            let request = try await peer.upgrade(behind: Frame.text("by IPv6"))
            #expect(PeerConnection.header("Host", in: request)?.hasPrefix("[::1]:") == true)
            await peer.waitForEnd()
        } body: { port in
            let client = try await Client.open(WebSocketConfiguration(url: "ws://[::1]:\(port)/"))
            #expect(await client.next() == .text("by IPv6"))
            #expect(client.upgrade.peer == "[::1]:\(port)")
            await client.onLoop { $0.abort() }
        }
    }

    @Test("Every address that failed is in the reason", .timeLimit(.minutes(1)))
    func namesAllAddresses() async throws {
        try await ClosedPort.hold { port in
            let addresses = [try SocketAddress(ipAddress: "127.0.0.1", port: 0), try SocketAddress(ipAddress: "127.0.0.2", port: 0)]
            let book = AddressBook { (_) throws(ResolveError) in addresses }
            let error = try await Client.failure(WebSocketConfiguration(url: "ws://exchange.test:\(port)/"), addressBook: book)
            #expect(error?.code == .refused, "\(String(describing: error))")
            #expect(error?.description.contains("127.0.0.1") == true && error?.description.contains("127.0.0.2") == true)
        }
    }
}
