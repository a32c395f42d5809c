import Testing

@testable import History

@Suite struct MessageSpillTests {
    /// Three sockets in turn, written to disk after every fourth message.
    @Test func `messages come back in order, from disk, from memory, and across both`() throws {
        let spill = MessageSpill(limit: 4)
        var given: [UInt64: [Int64]] = [:]
        for number in 0..<42 {
            let socket = UInt64(number % 3)
            try spill.append(
                TrueMessage(hash: 0, number: UInt64(number), boot: Int64(number), bytes: 1, topic: 0, isData: true), to: socket)
            given[socket, default: []].append(Int64(number))
        }
        for (socket, numbers) in given {
            #expect(spill.count(of: socket) == numbers.count)
            for start in 0...numbers.count {
                for limit in [1, 3, 5, 100] {
                    let found = try spill.messages(of: socket, from: start, limit: limit).map(\.boot)
                    #expect(found == Array(numbers[start...].prefix(limit)), "socket \(socket) from \(start), \(limit) at most")
                }
            }
        }
    }

    @Test func `an unknown socket has no messages`() throws {
        #expect(try MessageSpill().messages(of: 7, from: 0, limit: 10).isEmpty)
    }
}
