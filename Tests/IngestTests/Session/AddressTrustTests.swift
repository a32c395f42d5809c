import Coordination
import Testing

@testable import Ingest

@Suite struct AddressTrustTests {
    private let day: Int64 = 86_400_000

    @Test func `an address is refused, one without topics is not: topics go by message for a day`() {
        var trust = AddressTrust()
        #expect(trust.allowsTopics(now: at(0)))
        trust.refused(status: 414, named: true)
        #expect(!trust.allowsTopics(now: at(1)))
        let isReason = trust.opened(named: false, now: at(2))
        #expect(isReason)
        #expect(!trust.allowsTopics(now: at(1 + day)))
        let isNews = trust.opened(named: false, now: at(1 + day))
        #expect(!isNews)
        #expect(trust.allowsTopics(now: at(2 + day)))
        trust.refused(status: 414, named: true)
        #expect(!trust.allowsTopics(now: at(3 + day)))
    }

    @Test func `an exchange that refuses everybody is not taken for one that minds the topics`() {
        var trust = AddressTrust()
        trust.refused(status: 403, named: true)
        trust.refused(status: 403, named: false)
        #expect(trust.allowsTopics(now: at(1)))
        let isNews = trust.opened(named: true, now: at(2))
        #expect(!isNews)
        #expect(trust.allowsTopics(now: at(3)))
    }

    @Test(arguments: [418, 429, 500, 502, 503, 302]) func `troubles and limits of the exchange say nothing about the address`(status: Int) {
        var trust = AddressTrust()
        trust.refused(status: status, named: true)
        #expect(trust == AddressTrust())
    }

    @Test func `an address without topics that is refused, or opens, changes nothing`() {
        var trust = AddressTrust()
        trust.refused(status: 400, named: false)
        let isNews = trust.opened(named: false, now: at(1))
        #expect(!isNews)
        #expect(trust == AddressTrust())
    }
}
