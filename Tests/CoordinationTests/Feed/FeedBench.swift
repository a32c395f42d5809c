import Coordination
import Testing

/// A feed machine on a bench: events in, what it does as words. Connect delay 2 s, takeover delay 0; the lease was granted by a call sent at 0.
struct FeedBench {
    static let me = Incarnation(name: "a", random: 1)
    static let other = Incarnation(name: "b", random: 2)

    var machine: FeedMachine
    private var random = SeededGenerator(seed: 1)
    /// Number of the last call asked for.
    private(set) var lastCall = 0
    private(set) var lastAcquisition: FeedMachine.Acquisition?

    init(_ change: (inout FeedPolicy) -> Void = { _ in }) {
        var policy = FeedPolicy(connectDelay: .seconds(2)...(.seconds(2)))
        change(&policy)
        machine = FeedMachine(policy: policy, incarnation: Self.me)
    }

    static func token(_ epoch: Int) -> Token { Token(incarnation: me, epoch: epoch) }

    static func record(
        _ state: LeaseObservation.State, holder: Incarnation? = nil, epoch: Int = 4, renewals: Int = 0, ttl: Int64 = 6000,
        server: String = "", renewedAt: Int64 = 0
    ) -> LeaseObservation {
        LeaseObservation(
            state: state, holder: holder, epoch: epoch, renewals: renewals, ttlMilliseconds: ttl, phase: .waiting, preferred: nil,
            lastMilliseconds: 0, server: server, renewedAt: renewedAt)
    }

    static func granted(_ epoch: Int = 5, wait: Int64 = 0, isGo: Bool = false) -> AcquireReply {
        .granted(
            AcquireReply.Grant(
                epoch: epoch, pending: .due, waitMilliseconds: wait, previousEpoch: 4, previousNext: 1, lastMilliseconds: 0, now: 0,
                isGo: isGo))
    }

    mutating func handle(_ event: FeedMachine.Event, at milliseconds: Int64) -> [FeedMachine.Action] {
        let actions = machine.handle(event, now: at(milliseconds), random: &random)
        for action in actions {
            if case .call(let id, _) = action { lastCall = id }
            if case .acquire(let acquisition, _) = action { lastAcquisition = acquisition }
        }
        return actions
    }

    /// Takes an event and checks what is done, and where the feed stands then.
    mutating func expect(
        _ event: FeedMachine.Event, at milliseconds: Int64, _ words: String, _ phase: FeedMachine.Phase,
        _ location: SourceLocation = #_sourceLocation
    ) {
        let done = Self.words(handle(event, at: milliseconds))
        #expect(done == words, "\(event) at \(milliseconds)", sourceLocation: location)
        #expect(machine.phase == phase, "\(event) at \(milliseconds)", sourceLocation: location)
    }

    /// The reply to the last call.
    mutating func expect(
        reply: FeedMachine.CallReply, at milliseconds: Int64, _ words: String, _ phase: FeedMachine.Phase,
        _ location: SourceLocation = #_sourceLocation
    ) {
        expect(.replied(lastCall, reply), at: milliseconds, words, phase, location)
    }

    static func words(_ actions: [FeedMachine.Action]) -> String { actions.map(word).joined(separator: ", ") }

    static func word(_ action: FeedMachine.Action) -> String {
        switch action {
        case .initialise: "initialise"
        case .observe: "observe"
        case .acquire(let acquisition, let connection):
            switch acquisition.mode {
            case .free: "acquire free \(acquisition.seenEpoch) on \(connection)"
            case .seen(let renewals, _): "acquire seen \(acquisition.seenEpoch).\(renewals) on \(connection)"
            case .dead(let holder): "acquire dead \(holder.name) \(acquisition.seenEpoch) on \(connection)"
            }
        case .call(_, let call): word(call)
        case .hold(let token, let sentAt): "hold \(token.epoch) since \((sentAt - at(0)).wholeMilliseconds)"
        case .replaceToken(let token): "token \(token.epoch)"
        case .letGo: "let go"
        case .dial: "dial"
        case .cancelDial: "cancel dial"
        case .startPublishing(let epoch, _, _): "publish under \(epoch)"
        case .renumber(let epoch, _, _): "renumber under \(epoch)"
        case .pauseReading: "pause"
        case .resumeReading: "read"
        case .closeSocket: "close"
        case .closeSocketBy(let time, _): "close by \((time - at(0)).wholeMilliseconds)"
        case .rewind(let next): "rewind to \(next)"
        case .dropBuffer: "drop"
        case .finished: "finished"
        case .report(let report): word(report)
        }
    }

    private static func word(_ call: FeedMachine.Call) -> String {
        switch call {
        case .gate(let token): "gate \(token.epoch)"
        case .retry(let token, let wait): "retry \(token.epoch) in \(wait.wholeMilliseconds)"
        case .begin(let token, _): "begin \(token.epoch)"
        case .disconnect(let token, let hard, _, _): "disconnect \(token.epoch) \(hard ? "hard" : "soft")"
        case .resume(let token, let renumber, let floor, _): "resume \(token.epoch)\(renumber ? " renumbered above \(floor)" : "")"
        case .release(let token, _, _, let preferred, _): "release \(token.epoch)\(preferred.map { " to \($0)" } ?? "")"
        }
    }

    private static func word(_ report: FeedMachine.Report) -> String {
        switch report {
        case .acquired(let epoch, _, _): "acquired \(epoch)"
        case .grantTooLate: "too late"
        case .lost: "lost"
        case .claimHeldBack: "held back"
        case .regained: "regained"
        case .selfFenced: "self-fenced"
        case .resumed(let epoch): "resumed \(epoch)"
        case .replaced: "replaced"
        case .refusedDisconnect: "refused"
        case .cooling(let milliseconds): "cooling \(milliseconds)"
        case .attemptFailed(let count, let wait): "attempt \(count) failed, next in \(wait.wholeMilliseconds)"
        case .epochsExhausted: "no epochs"
        }
    }
}

/// Every state of the machine, and a way there: before 100 ms, with the lease proved until 4500.
enum FeedStage: String, CaseIterable, Sendable {
    case idle, watching, claiming, waiting, asking, retrying, dialing, beginning, beginningEnded, gatingAgain, live, softening, resuming
    case resumingEnded, ending, fenced, releasing, finished

    /// Stages with a call whose reply is awaited.
    static let calling: [FeedStage] = [
        .asking, .retrying, .beginning, .beginningEnded, .gatingAgain, .softening, .resuming, .resumingEnded, .ending, .releasing,
    ]

    func reached(_ change: (inout FeedPolicy) -> Void = { _ in }) -> FeedBench {
        var bench = FeedBench(change)
        func reply(_ reply: FeedMachine.CallReply) { _ = bench.handle(.replied(bench.lastCall, reply), at: 40) }
        func does(_ events: FeedMachine.Event...) { for event in events { _ = bench.handle(event, at: 50) } }
        if self == .idle { return bench }
        does(.placed(rank: 1, alternate: nil))
        if self == .watching { return bench }
        does(.observed(FeedBench.record(.free), connection: 1))
        if self == .claiming { return bench }
        does(.acquireReplied(FeedBench.granted(wait: self == .waiting ? 1000 : 0), sentAt: at(0)))
        if self == .waiting || self == .asking { return bench }
        reply(.gate(.go))
        if self == .dialing { return bench }
        if self == .retrying {
            does(.dialFailed(retryAfter: nil))
            return bench
        }
        does(.dialed)
        switch self {
        case .beginning: return bench
        case .beginningEnded:
            does(.socketEnded(reason: "closed"))
            return bench
        case .gatingAgain:
            reply(.begin(.notConnecting))
            return bench
        default: break
        }
        reply(.begin(.opened(epoch: 6, lastMilliseconds: 7, now: 8)))
        switch self {
        case .softening: does(.softError(reason: "malformed"))
        case .resuming: does(.publishFenced)
        case .resumingEnded: does(.publishFenced, .socketEnded(reason: "closed"))
        case .ending: does(.socketEnded(reason: "closed"))
        case .fenced: _ = bench.handle(.timer, at: 4500)
        case .releasing: does(.stop(reason: "drain", preferred: nil))
        case .finished:
            does(.stop(reason: "drain", preferred: nil))
            reply(.release(.released))
        default: break
        }
        return bench
    }
}
