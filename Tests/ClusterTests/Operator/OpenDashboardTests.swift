import Testing

@testable import Cluster

@Suite struct OpenDashboardTests {
    @Test(arguments: [
        ("127.0.0.1", false), ("127.0.0.2", false), ("::1", false), ("localhost", false), ("0.0.0.0", true), ("::", true),
        ("10.0.0.7", true), ("example.org", true),
    ])
    func `a dashboard that others reach is open without a token`(host: String, isOpen: Bool) {
        var configuration = ColonyConfiguration()
        configuration.dashboard.listen = .init(host: host, port: 9750)
        #expect((configuration.dashboard.openAddress != nil) == isOpen)
        let isWarned = Doctor(configuration).settings().contains { $0.area == "dashboard" && $0.level == .warning }
        #expect(isWarned == isOpen)
        configuration.dashboard.token = "secret"
        #expect(configuration.dashboard.openAddress == nil)
        configuration.dashboard.token = nil
        configuration.dashboard.listen = nil
        #expect(configuration.dashboard.openAddress == nil)
    }
}
