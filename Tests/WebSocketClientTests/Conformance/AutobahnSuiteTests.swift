import Testing

@testable import WebSocketClient

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The real suite, where one runs: `Judges/autobahn` installs and starts it and reads its report.
@Suite struct AutobahnSuiteTests {
    static let url = getenv("COLONY_AUTOBAHN_URL").map { String(cString: $0) }

    @Test(
        "Every case of a running Autobahn fuzzing server is played to its end",
        .enabled(if: url != nil, "needs a fuzzing server, named by COLONY_AUTOBAHN_URL; see Judges/autobahn"),
        .timeLimit(.minutes(60))
    )
    func playsTheWholeSuite() async throws {
        try await AutobahnClient.run(url: #require(Self.url), agent: "colony") { print("Autobahn case \($0) of \($1)") }
    }
}
