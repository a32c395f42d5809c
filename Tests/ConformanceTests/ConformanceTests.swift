import ColonyExchanges
import Conformance
import Testing

/// Every dialect, through the production client path, against its exchange with a clock that runs faster.
@Suite struct ConformanceTests {
    @Test(
        "every exchange's duties are met in the documented style, and in the original client's where it knew the exchange",
        .timeLimit(.minutes(5)))
    func everyExchange() async throws {
        var settings = ConformanceSettings()
        settings.period = .milliseconds(400)
        settings.isTLS = false
        settings.patience = .seconds(60)
        let trials = Exchanges.all.map(\.profile.id).flatMap { id in Conformance.styles(of: id).map { (id, $0) } }
        let reports = try await Conformance.run(trials, settings: settings, width: 20)
        #expect(reports.count == Exchanges.all.count + Conformance.originalIDs.count)
        for report in reports {
            for (duty, detail) in report.failures { Issue.record("\(report.id) (\(report.style)): \(duty): \(detail)") }
        }
    }
}
