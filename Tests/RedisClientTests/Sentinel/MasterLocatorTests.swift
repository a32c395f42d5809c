import NIOCore
import RedisClient
import Testing

/// The decisions of the search for the master, without a socket.
@Suite
struct MasterLocatorTests {
    private static let a = RedisNode(host: "a", port: 26379)
    private static let b = RedisNode(host: "b", port: 26379)
    private static let c = RedisNode(host: "c", port: 26379)
    private static let old = RedisNode(host: "10.0.0.1", port: 6379)
    private static let new = RedisNode(host: "10.0.0.2", port: 6379)
    private static let refusal = RedisError(.refused, "nobody listens")
    private static let replica = RedisError(.readOnly, "answers ROLE with slave")

    /// The machine by reference, so that its verbs can stand in an expectation.
    private final class Search {
        private var machine: MasterLocator

        init(_ machine: MasterLocator) { self.machine = machine }

        var nodes: [RedisNode] { machine.nodes }
        func want(deadline: NIODeadline, now: NIODeadline) -> (ticket: Int, actions: [MasterLocator.Action]) {
            machine.want(deadline: deadline, now: now)
        }
        func connected(_ attempt: MasterLocator.Attempt) -> Bool { machine.connected(attempt) }
        func refuted(_ attempt: MasterLocator.Attempt, _ error: RedisError, now: NIODeadline) -> [MasterLocator.Action] {
            machine.refuted(attempt, error, now: now)
        }
        func answered(_ node: RedisNode, _ answer: SentinelAnswer, now: NIODeadline) -> [MasterLocator.Action] {
            machine.answered(node, answer, now: now)
        }
        func switched(_ message: MasterSwitch, now: NIODeadline) -> [MasterLocator.Action] { machine.switched(message, now: now) }
        func doubt(_ node: RedisNode, now: NIODeadline) -> [MasterLocator.Action] { machine.doubt(node, now: now) }
        func left(_ node: RedisNode) { machine.left(node) }
        func woken(now: NIODeadline) -> [MasterLocator.Action] { machine.woken(now: now) }
    }

    private static func locator(_ nodes: [RedisNode] = [a, b, c]) -> Search {
        let sentinel = RedisSentinel(nodes: nodes, master: "m")
        return Search(MasterLocator(sentinel, endpoint: RedisEndpoint(address: .sentinel(sentinel))))
    }

    private static func at(_ milliseconds: Int64) -> NIODeadline { .uptimeNanoseconds(1_000_000_000) + .milliseconds(milliseconds) }

    private static func asked(_ actions: [MasterLocator.Action]) -> [RedisNode] {
        actions.compactMap { if case .ask(let node, _) = $0 { node } else { nil } }
    }

    private static func attempts(_ actions: [MasterLocator.Action]) -> [MasterLocator.Attempt] {
        actions.compactMap { if case .connect(let attempt) = $0 { attempt } else { nil } }
    }

    private static func failures(_ actions: [MasterLocator.Action]) -> [RedisError] {
        actions.compactMap { if case .fail(_, let error) = $0 { error } else { nil } }
    }

    private static func left(_ actions: [MasterLocator.Action]) -> [RedisNode] {
        actions.compactMap { if case .leave(let node, _) = $0 { node } else { nil } }
    }

    private static func wake(_ actions: [MasterLocator.Action]) -> NIODeadline? {
        actions.compactMap { if case .wake(let at) = $0 { at } else { nil } }.last
    }

    @Test func `one Sentinel is asked, and what it names is connected to`() throws {
        let locator = Self.locator()
        let (ticket, actions) = locator.want(deadline: Self.at(2000), now: Self.at(0))
        #expect(Self.asked(actions) == [Self.a])
        let next = locator.answered(Self.a, .master(Self.old), now: Self.at(1))
        let attempt = try #require(Self.attempts(next).first)
        #expect(attempt.ticket == ticket && attempt.node == Self.old)
        #expect(Self.asked(next).isEmpty)
        #expect(locator.connected(attempt))
        // Nothing is wanted any more, so nothing is asked.
        #expect(Self.asked(locator.woken(now: Self.at(5000))).isEmpty)
    }

    @Test func `a second result of the same attempt counts for nothing`() throws {
        let locator = Self.locator()
        _ = locator.want(deadline: Self.at(2000), now: Self.at(0))
        let attempt = try #require(Self.attempts(locator.answered(Self.a, .master(Self.old), now: Self.at(1))).first)
        #expect(locator.connected(attempt))
        #expect(!locator.connected(attempt))
        #expect(locator.refuted(attempt, Self.refusal, now: Self.at(2)).isEmpty)
    }

    @Test func `one answer serves all who wait, and who comes a moment later`() {
        let locator = Self.locator()
        #expect(Self.asked(locator.want(deadline: Self.at(2000), now: Self.at(0)).actions) == [Self.a])
        #expect(Self.asked(locator.want(deadline: Self.at(2000), now: Self.at(1)).actions).isEmpty)
        #expect(Self.attempts(locator.answered(Self.a, .master(Self.old), now: Self.at(2))).count == 2)
        let late = locator.want(deadline: Self.at(2000), now: Self.at(100)).actions
        #expect(Self.attempts(late).map(\.node) == [Self.old] && Self.asked(late).isEmpty)
        let later = locator.want(deadline: Self.at(2000), now: Self.at(600)).actions
        #expect(Self.attempts(later).isEmpty && Self.asked(later) == [Self.a])
    }

    @Test func `the next Sentinel is asked when one refuses, and as well when one is slow`() {
        let locator = Self.locator()
        _ = locator.want(deadline: Self.at(2000), now: Self.at(0))
        #expect(Self.asked(locator.answered(Self.a, .failed(Self.refusal), now: Self.at(1))) == [Self.b])
        // b says nothing.
        #expect(Self.asked(locator.woken(now: Self.at(100))).isEmpty)
        #expect(Self.asked(locator.woken(now: Self.at(201))) == [Self.c])
        #expect(Self.attempts(locator.answered(Self.c, .master(Self.new), now: Self.at(202))).map(\.node) == [Self.new])
    }

    @Test func `the Sentinel that answered is asked first the next time`() {
        let locator = Self.locator()
        _ = locator.want(deadline: Self.at(2000), now: Self.at(0))
        _ = locator.answered(Self.a, .failed(Self.refusal), now: Self.at(1))
        _ = locator.answered(Self.b, .master(Self.old), now: Self.at(2))
        #expect(locator.nodes == [Self.b, Self.a, Self.c])
        #expect(Self.asked(locator.want(deadline: Self.at(9000), now: Self.at(5000)).actions) == [Self.b])
    }

    @Test func `a server that is no master is refuted, another Sentinel is asked, not sooner than a quarter of a second later`() throws {
        let locator = Self.locator()
        _ = locator.want(deadline: Self.at(5000), now: Self.at(0))
        let first = try #require(Self.attempts(locator.answered(Self.a, .master(Self.old), now: Self.at(10))).first)
        let refuted = locator.refuted(first, Self.replica, now: Self.at(20))
        #expect(Self.asked(refuted).isEmpty && Self.attempts(refuted).isEmpty)
        #expect(Self.wake(refuted) == Self.at(260))
        #expect(Self.asked(locator.woken(now: Self.at(260))) == [Self.b])
        // The same answer is tried again: it may have been promoted by now.
        let second = try #require(Self.attempts(locator.answered(Self.b, .master(Self.old), now: Self.at(261))).first)
        #expect(locator.connected(second))
    }

    @Test func `asking goes on four times a second, and the deadline ends it with every reason`() throws {
        let locator = Self.locator([Self.a])
        let began = locator.want(deadline: Self.at(2000), now: Self.at(0))
        var now = Self.at(0)
        var questions = Self.asked(began.actions).count
        var failures: [RedisError] = []
        var actions = began.actions
        for _ in 0..<100 where failures.isEmpty {
            if !Self.asked(actions).isEmpty {
                actions = locator.answered(Self.a, .failed(Self.refusal), now: now)
                failures += Self.failures(actions)
            } else {
                now = try #require(Self.wake(actions))
                actions = locator.woken(now: now)
                failures += Self.failures(actions)
                questions += Self.asked(actions).count
            }
        }
        #expect(now == Self.at(2000))
        #expect(questions == 8)
        let error = try #require(failures.first)
        #expect(error.code == .refused)
        #expect(error.description.contains("'m'") && error.description.contains("a:26379") && error.description.contains("nobody listens"))
    }

    @Test func `Sentinels that never answer end in a time-out that says so`() throws {
        let locator = Self.locator([Self.a, Self.b])
        _ = locator.want(deadline: Self.at(1000), now: Self.at(0))
        #expect(Self.asked(locator.woken(now: Self.at(200))) == [Self.b])
        #expect(Self.asked(locator.woken(now: Self.at(900))).isEmpty)
        let error = try #require(Self.failures(locator.woken(now: Self.at(1000))).first)
        #expect(error.code == .timeout)
        #expect(error.description.contains("a:26379: no answer yet") && error.description.contains("b:26379: no answer yet"))
    }

    @Test func `a name that no Sentinel knows is told at once`() throws {
        let locator = Self.locator([Self.a, Self.b])
        _ = locator.want(deadline: Self.at(60_000), now: Self.at(0))
        #expect(Self.failures(locator.answered(Self.a, .unknownName, now: Self.at(1))).isEmpty)
        let error = try #require(Self.failures(locator.answered(Self.b, .unknownName, now: Self.at(2))).first)
        #expect(error.code == .usage)
        #expect(error.description.contains("no master called 'm'"))
    }

    @Test func `a name that one Sentinel does not know is looked for at the others until the deadline`() {
        let locator = Self.locator([Self.a, Self.b])
        _ = locator.want(deadline: Self.at(60_000), now: Self.at(0))
        _ = locator.answered(Self.a, .unknownName, now: Self.at(1))
        let actions = locator.answered(Self.b, .failed(Self.refusal), now: Self.at(2))
        #expect(Self.failures(actions).isEmpty && Self.wake(actions) != nil)
    }

    @Test(arguments: [RedisError.Code.wrongPassword, .noAuth, .noPermission])
    func `a master that refuses the login is not asked again and again`(code: RedisError.Code) throws {
        let locator = Self.locator()
        _ = locator.want(deadline: Self.at(60_000), now: Self.at(0))
        let attempt = try #require(Self.attempts(locator.answered(Self.a, .master(Self.old), now: Self.at(1))).first)
        let actions = locator.refuted(attempt, RedisError(code, "no"), now: Self.at(2))
        #expect(Self.failures(actions).map(\.code) == [code])
    }

    @Test func `an attempt leaves time for another answer`() throws {
        let locator = Self.locator()
        _ = locator.want(deadline: Self.at(800), now: Self.at(0))
        let attempt = try #require(Self.attempts(locator.answered(Self.a, .master(Self.old), now: Self.at(0))).first)
        #expect(attempt.timeout == .milliseconds(400))
        _ = locator.refuted(attempt, RedisError(.timeout, "late"), now: Self.at(400))
        let second = try #require(Self.attempts(locator.answered(Self.b, .master(Self.new), now: Self.at(410))).first)
        #expect(second.timeout == .milliseconds(250))
        _ = locator.refuted(second, RedisError(.timeout, "late"), now: Self.at(660))
        let third = try #require(Self.attempts(locator.answered(Self.c, .master(Self.new), now: Self.at(700))).first)
        #expect(third.timeout == .milliseconds(100))
        #expect(Self.failures(locator.refuted(third, RedisError(.timeout, "late"), now: Self.at(800))).map(\.code) == [.timeout])
    }

    @Test func `a published move closes what is connected to the old master and sends attempts to the new one`() throws {
        let locator = Self.locator()
        _ = locator.want(deadline: Self.at(5000), now: Self.at(0))
        let stale = try #require(Self.attempts(locator.answered(Self.a, .master(Self.old), now: Self.at(1))).first)
        let message = try #require(MasterSwitch("m 10.0.0.1 6379 10.0.0.2 6379"))
        let actions = locator.switched(message, now: Self.at(2))
        #expect(Self.left(actions) == [Self.old])
        let fresh = try #require(Self.attempts(actions).first)
        #expect(fresh.node == Self.new)
        // The attempt at the old one is over, whatever comes of it.
        #expect(!locator.connected(stale))
        #expect(locator.connected(fresh))
    }

    @Test(arguments: [
        "other 10.0.0.1 6379 10.0.0.2 6379", "m 10.0.0.1 6379 10.0.0.1 6379",
    ])
    func `a move of another master, or to the same place, is none`(text: String) throws {
        let locator = Self.locator()
        _ = locator.want(deadline: Self.at(5000), now: Self.at(0))
        let message = try #require(MasterSwitch(text))
        let actions = locator.switched(message, now: Self.at(1))
        #expect(Self.left(actions).isEmpty && Self.attempts(actions).isEmpty)
    }

    @Test func `a server that lost its replicas is left only when a Sentinel names another`() {
        let locator = Self.locator()
        #expect(Self.asked(locator.doubt(Self.old, now: Self.at(0))) == [Self.a])
        #expect(Self.left(locator.answered(Self.a, .master(Self.old), now: Self.at(1))).isEmpty)
        // Doubted again and again: asked again, four times a second.
        #expect(Self.asked(locator.doubt(Self.old, now: Self.at(100))).isEmpty)
        #expect(Self.asked(locator.woken(now: Self.at(251))) == [Self.a])
        #expect(Self.left(locator.answered(Self.a, .master(Self.new), now: Self.at(252))) == [Self.old])
    }

    @Test func `what nobody is connected to is not doubted for ever`() {
        let locator = Self.locator([Self.a])
        _ = locator.doubt(Self.old, now: Self.at(0))
        _ = locator.answered(Self.a, .failed(Self.refusal), now: Self.at(1))
        locator.left(Self.old)
        #expect(Self.asked(locator.woken(now: Self.at(1000))).isEmpty)
    }

    @Test func `an answer that was not asked for is ignored`() {
        let locator = Self.locator()
        _ = locator.want(deadline: Self.at(5000), now: Self.at(0))
        #expect(Self.attempts(locator.answered(Self.b, .master(Self.new), now: Self.at(1))).isEmpty)
        let stranger = RedisNode(host: "x", port: 1)
        #expect(Self.attempts(locator.answered(stranger, .master(Self.new), now: Self.at(1))).isEmpty)
        #expect(Self.attempts(locator.answered(Self.a, .master(Self.old), now: Self.at(2))).count == 1)
        #expect(Self.attempts(locator.answered(Self.a, .master(Self.new), now: Self.at(3))).isEmpty)
    }
}
