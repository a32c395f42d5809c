import NIOCore

@testable import Simulator

/// A session under a clock of its own, without a socket.
struct SessionBench {
    var session: SocketSession
    private(set) var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private(set) var numbers: UInt64 = 0
    let packing: ServerRules.Packing

    init(
        _ exchange: String, path: String? = nil, query: [(name: String, value: String)] = [], rate: Double = 0,
        faults: StandingFaults = StandingFaults(), rules change: (inout ServerRules) -> Void = { _ in }
    ) {
        let dialect = ServerDialects.all.first { $0.exchange == exchange }!
        var rules = dialect.rules
        change(&rules)
        packing = rules.packing
        let settings = SocketSettings(
            number: 1, path: path ?? dialect.path, query: query, listings: Listings(dialect.listings), seed: 7, rate: rate, minimumBytes: 0)
        session = SocketSession(settings, dialect: dialect, rules: rules, faults: faults)
    }

    var moment: Moment { Moment(now: now, wallMilliseconds: 1_760_000_000_000 + Int64(now.uptimeNanoseconds / 1_000_000)) }

    mutating func open() -> [SocketSession.Action] { session.opened(moment) }
    mutating func receive(_ text: String) -> [SocketSession.Action] { session.received(.text(text), moment) }
    mutating func pass(_ duration: TimeAmount) { now = now + duration }

    /// Wakes the session whenever it asks for it until `duration` has passed.
    mutating func run(_ duration: TimeAmount, canSend: Bool = true) -> [SocketSession.Action] {
        let end = now + duration
        var actions: [SocketSession.Action] = []
        while let wake = session.wakeUp, wake <= end {
            now = max(now, wake)
            actions += wakeNow(canSend: canSend)
        }
        now = end
        return actions
    }

    mutating func wakeNow(canSend: Bool = true) -> [SocketSession.Action] {
        var drawn = numbers
        defer { numbers = drawn }
        return session.woke(moment, canSend: canSend) {
            drawn += 1
            return drawn
        }
    }

    mutating func apply(_ fault: Fault) -> [SocketSession.Action] {
        var drawn = numbers
        defer { numbers = drawn }
        return session.apply(fault, moment) {
            drawn += 1
            return drawn
        }
    }
}

extension [SocketSession.Action] {
    var texts: [String] { compactMap { if case .send(let message) = $0 { message.text } else { nil } } }
    var packets: [SocketSession.Packet] { compactMap { if case .packet(let packet) = $0 { packet } else { nil } } }
    var closes: [Close] { compactMap { if case .close(let close, _) = $0 { close } else { nil } } }
    var pings: [String] { compactMap { if case .sendPing(let payload) = $0 { payload } else { nil } } }
    var subscribed: [Subscription] { compactMap { if case .subscribed(let subscription) = $0 { subscription } else { nil } } }
}
