/// What a recording shows. `json` has stable keys.
package struct HistoryVerdict: Sendable, Codable, Equatable {
    package struct Promise: Sendable, Codable, Equatable {
        package var id: String
        /// False: broken. True also where nothing could be checked; `detail` then says so, and `checked` is false.
        package var kept: Bool
        package var checked: Bool
        package var detail: String
    }

    package struct Packets: Sendable, Codable, Equatable {
        /// Messages with data that the exchanges gave to sockets.
        package var sent = 0
        /// Those that certainly reached a worker that was still listening: the workers' own counts, and what is stored.
        package var received = 0
        package var stored = 0
        /// Received, not stored, and declared by no marker.
        package var lost = 0
        /// Received, not stored, covered by a `gap` marker.
        package var gapped = 0
        /// Not stored because the websocket or its worker ended: behind the last stored one, declared by a marker or never received.
        package var tail = 0
        package var duplicated = 0
        /// Stored behind a newer epoch.
        package var stale = 0
        /// Entries that are not data: acknowledgements, notices.
        package var answers = 0
    }

    package struct Sockets: Sendable, Codable, Equatable {
        package var connects = 0
        /// Milliseconds during which a feed had more than one websocket, all feeds together, and the longest such time.
        package var overlapMilliseconds = 0.0
        package var worstOverlapMilliseconds = 0.0

        enum CodingKeys: String, CodingKey {
            case connects
            case overlapMilliseconds = "overlap_ms"
            case worstOverlapMilliseconds = "worst_overlap_ms"
        }
    }

    package struct Admissions: Sendable, Codable, Equatable {
        package var count = 0
        /// Smallest time between two of one budget group, seconds; null with fewer than two.
        package var minimumSpacingSeconds: Double?

        enum CodingKeys: String, CodingKey {
            case count
            case minimumSpacingSeconds = "min_spacing_s"
        }
    }

    /// Of some measured times, milliseconds.
    package struct Quantiles: Sendable, Codable, Equatable {
        package var count: Int
        package var p50: Double?
        package var p99: Double?
        package var max: Double?

        package init(_ samples: [Double]) {
            let sorted = samples.sorted()
            count = sorted.count
            func quantile(_ q: Double) -> Double? {
                sorted.isEmpty ? nil : sorted[min(sorted.count - 1, Int((q * Double(sorted.count)).rounded(.up)) - 1)]
            }
            p50 = quantile(0.5)
            p99 = quantile(0.99)
            max = sorted.last
        }
    }

    /// The gaps of all faults of one kind.
    package struct FaultKind: Sendable, Codable, Equatable {
        package var kind: String
        package var faults: Int
        /// From the fault to the next acquisition, per feed that got one.
        package var leaseGap: Quantiles
        /// From the end of the websocket that was open, by its exchange's record, to the next one's opening, per feed that got one.
        package var websocketGap: Quantiles
        /// From the fault, or the last packet that still came behind it, to the first packet stored under another websocket, per feed.
        package var packetGap: Quantiles

        enum CodingKeys: String, CodingKey {
            case kind, faults
            case leaseGap = "lease_gap_ms"
            case websocketGap = "websocket_gap_ms"
            case packetGap = "packet_gap_ms"
        }
    }

    /// What happened around a violation, oldest first.
    package struct Timeline: Sendable, Codable, Equatable {
        package var id: String
        package var feed: String
        package var violation: String
        package var lines: [String]
    }

    package var promises: [Promise] = []
    package var packets = Packets()
    package var sockets = Sockets()
    package var admissions = Admissions()
    package var leaseGap = Quantiles([])
    package var websocketGap = Quantiles([])
    package var packetGap = Quantiles([])
    package var faults: [FaultKind] = []
    package var timelines: [Timeline] = []
    /// What the recording lacks, or what limits what can be said.
    package var notes: [String] = []

    package init() {}

    package var isKept: Bool { promises.allSatisfy(\.kept) }
    package var broken: [String] { promises.filter { !$0.kept }.map(\.id) }

    enum CodingKeys: String, CodingKey {
        case promises, packets, sockets, admissions
        case leaseGap = "lease_gap_ms"
        case websocketGap = "websocket_gap_ms"
        case packetGap = "packet_gap_ms"
        case faults, timelines, notes
    }
}
