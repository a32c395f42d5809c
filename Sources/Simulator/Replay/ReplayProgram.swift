internal import NIOCore

/// Which recording an exchange plays to every client.
package struct ReplayPlan: Sendable {
    package enum Pace: Sendable, Equatable {
        /// So many times as fast as recorded.
        case factor(Double)
        /// As fast as the client takes it.
        case max
    }

    package var exchange: String
    package var file: String
    package var pace: Pace
    package var end: ProgramEnd
    /// The dialect's own greeting, acknowledgements and heartbeats are sent as well; without them the client hears the recording alone.
    package var answers: Bool

    package init(exchange: String, file: String, pace: Pace = .factor(1), end: ProgramEnd = .idle, answers: Bool = true) {
        self.exchange = exchange
        self.file = file
        self.pace = pace
        self.end = end
        self.answers = answers
    }
}

struct ReplayProgram: SocketProgram {
    private let recording: Recording
    private let plan: ReplayPlan
    private var position = 0
    private var start: NIODeadline?
    private var isOver = false

    init(recording: Recording, plan: ReplayPlan) {
        self.recording = recording
        self.plan = plan
    }

    var sent: SourceTotals? { nil }

    mutating func began(now: NIODeadline) { start = start ?? now }

    mutating func subscribed(_ subscription: Subscription, _ socket: SocketView) {}

    mutating func next(now: NIODeadline, boot: Int64) -> ProgramItem? {
        guard !isOver, start != nil else { return nil }
        if position == recording.messages.count {
            switch plan.end {
            case .idle:
                isOver = true
                return nil
            case .close:
                isOver = true
                return .close
            case .loop: (position, start) = (0, now)
            }
        }
        guard let due = due, due <= now else { return nil }
        position += 1
        return .recorded(recording.messages[position - 1])
    }

    func wakeUp(now: NIODeadline) -> NIODeadline? {
        guard !isOver, start != nil else { return nil }
        return position == recording.messages.count ? now : due
    }

    private var due: NIODeadline? {
        guard let start else { return nil }
        switch plan.pace {
        case .max: return start
        case .factor(let factor):
            let offset = Double(recording.messages[position].offset.nanosecondCount) / factor
            return start + .nanoseconds(Int64(offset))
        }
    }
}

extension Duration {
    /// Whole nanoseconds.
    var nanosecondCount: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
