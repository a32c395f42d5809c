internal import ColonyExchanges
internal import Coordination
internal import DequeModule

extension SubscriptionMachine {
    /// One desired stream. There may be thousands: small numbers, side by side.
    struct Entry: Sendable {
        /// As asked for, in every spelling; empty where that is the canonical one only.
        var spellings: [Topic] = []
        var phase: Phase
        /// Requests for it on this connection, the address among them.
        var attempts: UInt16 = 0
        /// How often it was found silent since its last data on this connection, and when last.
        var silences: UInt16 = 0
        /// The number of the last request.
        var request: Int32 = 0
        private var lastDataAt = Int64.min
        private var silentAt = Int64.min
        /// Outlives connections: it is the stream's own.
        var rhythm = StreamRhythm()

        init(phase: Phase) { self.phase = phase }

        /// More than two are as good as two.
        mutating func noteSilence() { silences = min(silences + 1, 100) }

        /// On this connection.
        var lastData: LocalTime? {
            get { lastDataAt == .min ? nil : LocalTime(nanoseconds: lastDataAt) }
            set { lastDataAt = newValue?.nanoseconds ?? .min }
        }

        var silentSince: LocalTime? {
            get { silentAt == .min ? nil : LocalTime(nanoseconds: silentAt) }
            set { silentAt = newValue?.nanoseconds ?? .min }
        }
    }

    enum Phase: Sendable, Hashable {
        /// Not sent on this connection, or to be sent again. Next: sent, receiving.
        case waiting
        /// Asked for, by a message or the address; nil: as often as allowed, or carried by the URL, and still without a sign. Next: any but surplus.
        case sent(deadline: LocalTime?)
        /// Accepted by the exchange at that time. Next: receiving, stale.
        case acknowledged(since: LocalTime)
        /// Next: stale.
        case receiving
        /// Next: receiving.
        case stale
        /// Refused by the exchange. Next: receiving (it was meant otherwise), waiting on the next connection.
        case rejected(String)
        /// Above the exchange's maximum, never sent. Next: waiting, when there is room.
        case surplus(String)

        var state: SubscriptionState {
            switch self {
            case .waiting, .sent: .pending
            case .acknowledged: .acknowledged
            case .receiving: .receiving
            case .stale: .stale
            case .rejected(let words), .surplus(let words): .rejected(words)
            }
        }

        /// Whether the exchange may be sending it, so that it must be unsubscribed.
        var isOnConnection: Bool {
            switch self {
            case .sent, .acknowledged, .receiving, .stale: true
            case .waiting, .rejected, .surplus: false
            }
        }

        var isSurplus: Bool {
            if case .surplus = self { true } else { false }
        }

        var deadline: LocalTime? {
            if case .sent(let deadline) = self { deadline } else { nil }
        }
    }

    /// What belongs to one connection and ends with it.
    struct Connection: Sendable {
        let generation: Int
        let urlTopics: [Topic]
        /// Requests that wait for their turn. Made from entries, splits and leaving, and made again when these change.
        var outbox = Deque<Outgoing>()
        /// To be unsubscribed.
        var leaving: Set<Topic> = []
        /// Parts of a refused batch that are tried apart, to find the one that spoils it.
        var splits = Deque<[Topic]>()
        /// Sent and not answered, in the order of sending.
        var unanswered: [Unanswered] = []
        var requestsSent: Int32 = 0

        init(generation: Int, urlTopics: [Topic]) {
            self.generation = generation
            self.urlTopics = urlTopics
        }
    }

    struct Outgoing: Sendable {
        enum Kind: Sendable { case subscribe, split, unsubscribe }
        var kind: Kind
        var request: Request
    }

    struct Unanswered: Sendable {
        /// Counts the requests sent.
        var number: Int32
        var id: String?
        var isUnsubscription: Bool
        /// Those the exchange has not answered for.
        var topics: [Topic]
        var until: LocalTime
    }
}
