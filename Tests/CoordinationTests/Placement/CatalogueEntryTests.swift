import Coordination
import Testing

@Suite struct CatalogueEntryTests {
    private let feed = FeedName("binance/2")

    @Test func `an entry is written with every field and read back`() throws {
        let entry = CatalogueEntry(
            exchange: "binance", budget: "binance/2", weight: 3, routing: .channel, policy: ["pace": "30s", "exclusive": "data"])
        let json = try entry.json(of: feed)
        #expect(
            json
                == #"{"budget":"binance/2","exchange":"binance","policy":{"exclusive":"data","pace":"30s"},"routing":"channel","weight":3}"#
        )
        #expect(try CatalogueEntry(json: json, of: feed) == entry)
    }

    @Test func `what is left out has its default, what is unknown is ignored`() throws {
        let entry = try CatalogueEntry(json: #"{"exchange":"binance","added_later":{"x":[1]}}"#, of: feed)
        #expect(entry == CatalogueEntry(exchange: "binance", budget: "binance", weight: 1, routing: .symbol, policy: [:]))
    }

    @Test(arguments: [
        ("", "no JSON object"), ("[1]", "no JSON object"), ("{}", "'exchange' is missing"),
        (#"{"exchange":"binance","weight":"2"}"#, "'weight' has a wrong value"),
        (#"{"exchange":"binance","weight":0}"#, "weight is 0"), (#"{"exchange":"binance","weight":1001}"#, "weight is 1001"),
        (#"{"exchange":"binance","routing":"topic"}"#, "'routing' has a wrong value"),
        (#"{"exchange":"binance","policy":{"pace":60}}"#, "'policy.pace' has a wrong value"),
        (#"{"exchange":"okx"}"#, "exchange is 'okx'"), (#"{"exchange":"binance","budget":"a}b"}"#, "budget group is 'a}b'"),
        (#"{"exchange":"binance","budget":""}"#, "budget group is ''"),
    ])
    func `a wrong entry is refused with the feed and what is wrong`(json: String, words: String) {
        let error = #expect(throws: CoordinationError.self) { try CatalogueEntry(json: json, of: feed) }
        #expect(error?.code == .badCatalogueEntry)
        #expect(error?.description.contains("binance/2") == true)
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func `what could not be read back is not written`() {
        #expect(throws: CoordinationError.self) { try CatalogueEntry(exchange: "binance", weight: 0).json(of: feed) }
        #expect(throws: CoordinationError.self) { try CatalogueEntry(exchange: "Binance").json(of: FeedName("Binance")) }
    }
}

@Suite struct MembershipTests {
    private func incarnation(_ name: String, _ random: UInt64 = 1) -> Incarnation { Incarnation(name: name, random: random) }

    @Test func `members are read with what they tell of themselves, sorted by name`() {
        let members = Membership.members(
            beats: [(incarnation("b"), 20), (incarnation("a"), 10)],
            values: [["draining", "2.5", "7", "host-1"], ["ready", "1", "0", "host-2"]])
        #expect(
            members == [
                Member(incarnation: incarnation("a"), state: .ready, weight: 1, load: 0, host: "host-2", beatAt: 10),
                Member(incarnation: incarnation("b"), state: .draining, weight: 2.5, load: 7, host: "host-1", beatAt: 20),
            ])
    }

    @Test func `of two incarnations with one name the later counts`() {
        let members = Membership.members(
            beats: [(incarnation("a", 1), 50), (incarnation("a", 2), 40)],
            values: [["ready", "1", "5", "h"], ["ready", "1", "9", "h"]])
        #expect(members.map(\.incarnation) == [incarnation("a", 1)])
        #expect(members.map(\.load) == [5])
    }

    @Test func `who has told nothing yet, or a state of another version, does not count`() {
        let members = Membership.members(
            beats: [(incarnation("a"), 1), (incarnation("b"), 1), (incarnation("c"), 1)],
            values: [[nil, nil, nil, nil], ["paused", "1", "1", "h"], []])
        #expect(members == [])
    }

    @Test(arguments: [("x", "y"), ("-1", "-3"), ("nan", "1e3"), ("inf", "")])
    func `a weight or load that is no number counts as 1 and 0`(weight: String, load: String) {
        let members = Membership.members(beats: [(incarnation("a"), 1)], values: [["ready", weight, load, nil]])
        #expect(members.map(\.weight) == [1])
        #expect(members.map(\.load) == [0])
    }
}
