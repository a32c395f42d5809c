#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A port of ::1 whose connections hang: it listens, accepts nobody, and its queue is full, so the kernel lets further attempts wait.
struct BusyPort {
    private var descriptors: [CInt] = []

    static var hasIPv6: Bool {
        guard let busy = BusyPort(0) else { return false }
        busy.close()
        return true
    }

    /// Nil where the port is taken, or there is no IPv6.
    init?(_ port: Int) {
        let listener = socket(AF_INET6, CInt(SOCK_STREAM.rawValue), 0)
        guard listener >= 0 else { return nil }
        descriptors.append(listener)
        var only: CInt = 1
        setsockopt(listener, CInt(IPPROTO_IPV6), IPV6_V6ONLY, &only, socklen_t(MemoryLayout<CInt>.size))
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = UInt16(port).bigEndian
        address.sin6_addr = in6addr_loopback
        let size = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let isListening = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, size) == 0 } && listen(listener, 0) == 0
        }
        guard isListening else {
            close()
            return nil
        }
        guard port != 0 else { return }
        for _ in 0..<4 {
            let client = socket(AF_INET6, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue), 0)
            guard client >= 0 else { continue }
            descriptors.append(client)
            withUnsafePointer(to: address) { pointer in
                _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, size) }
            }
        }
    }

    func close() {
        for descriptor in descriptors { _ = closeDescriptor(descriptor) }
    }
}

/// The function, told from the method.
private func closeDescriptor(_ descriptor: CInt) -> CInt { close(descriptor) }
