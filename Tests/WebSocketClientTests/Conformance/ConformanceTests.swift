import Testing

@testable import WebSocketClient

/// The Autobahn specification's groups 1 to 7, 9 and 10 by hand, so that they are judged wherever tests run.
@Suite struct ConformanceTests {
    @Test("1: messages of every length class, whole and chopped", .timeLimit(.minutes(1)), arguments: ConformanceCases.framing)
    func echoesFraming(row: ConformanceCase) async throws { try await row.play() }

    @Test("2: pings and pongs", .timeLimit(.minutes(1)), arguments: ConformanceCases.pings)
    func answersPings(row: ConformanceCase) async throws { try await row.play() }

    @Test("3: reserved bits", .timeLimit(.minutes(1)), arguments: ConformanceCases.reservedBits)
    func refusesReservedBits(row: ConformanceCase) async throws { try await row.play() }

    @Test("4: reserved opcodes", .timeLimit(.minutes(1)), arguments: ConformanceCases.opcodes)
    func refusesOpcodes(row: ConformanceCase) async throws { try await row.play() }

    @Test("5: fragments", .timeLimit(.minutes(1)), arguments: ConformanceCases.fragments)
    func joinsFragments(row: ConformanceCase) async throws { try await row.play() }

    @Test("6: UTF-8 over sockets", .timeLimit(.minutes(1)), arguments: ConformanceCases.texts)
    func validatesText(row: ConformanceCase) async throws { try await row.play() }

    @Test("7: closing", .timeLimit(.minutes(1)), arguments: ConformanceCases.closes)
    func closes(row: ConformanceCase) async throws { try await row.play() }

    @Test("9 and 10: large messages, in one frame, in many, and in many writes", .timeLimit(.minutes(1)), arguments: ConformanceCases.large)
    func echoesLarge(row: ConformanceCase) async throws { try await row.play() }
}
