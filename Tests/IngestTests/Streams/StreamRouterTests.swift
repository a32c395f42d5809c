import ColonyExchanges
import Testing

@testable import Ingest

struct StreamRouterTests {
    @Test("Every route finds its own slot, whatever the length of its names", arguments: [0, 1, 7, 8, 9, 15, 16, 17, 40])
    func findsByBytes(length: Int) {
        // All pairs of names that differ in one byte, at every place, and where one name ends and the other begins.
        var routes: [(message: [UInt8], route: Route)] = []
        for place in 0...length {
            for byte in [UInt8(ascii: "a"), UInt8(ascii: "b")] {
                var message = [UInt8](repeating: UInt8(ascii: "x"), count: length + 5)
                message[place + 2] = byte
                routes.append((message, Route(first: 2..<(2 + length), tag: 1)))
                routes.append((message, Route(first: 2..<(2 + length / 2), second: (2 + length / 2)..<(2 + length), tag: 1)))
                routes.append((message, Route(first: 2..<(2 + length), tag: 2)))
            }
        }
        var router = StreamRouter()
        var slots: [String: Int] = [:]
        for (message, route) in routes {
            let name = "\(route.tag) \(message[route.first]) \(message[route.second])"
            let known = message.withUnsafeBytes { router.slot(of: route, in: $0) }
            #expect(known == slots[name])
            guard known == nil else { continue }
            slots[name] = router.count + 1
            message.withUnsafeBytes { router.remember(router.count + 1, for: route, in: $0) }
        }
        #expect(router.count == slots.count)
    }

    @Test("A route is found wherever in the message its bytes stand, among thousands")
    func manyRoutes() {
        var router = StreamRouter()
        func message(_ number: Int, behind: Int) -> ([UInt8], Route) {
            let name = Array("symbol\(number)@trade".utf8)
            return ([UInt8](repeating: 0x20, count: behind) + name, Route(first: behind..<(behind + name.count)))
        }
        for number in 0..<5000 {
            let (bytes, route) = message(number, behind: number % 7)
            bytes.withUnsafeBytes { router.remember(number, for: route, in: $0) }
        }
        for number in 0..<5000 {
            let (bytes, route) = message(number, behind: 11)
            #expect(bytes.withUnsafeBytes { router.slot(of: route, in: $0) } == number)
        }
        let (bytes, route) = message(5000, behind: 0)
        #expect(bytes.withUnsafeBytes { router.slot(of: route, in: $0) } == nil)
    }
}
