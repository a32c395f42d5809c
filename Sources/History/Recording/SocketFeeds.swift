/// Which feed a websocket belonged to, by what the workers' journals say of their own end of it.
package struct SocketFeeds: Sendable {
    /// A websocket as its worker opened it.
    struct Opening: Sendable {
        var boot: Int64
        var feed: String
    }

    /// By the address that the exchange sees; a port may come again.
    private var openings: [String: [Opening]] = [:]

    package init() {}

    /// Reads every journal of the recording. Throws for a file that is no journal.
    package init(_ directory: RecordingDirectory) throws {
        for path in directory.workerFiles {
            let reader = try LineReader(path)
            while try reader.next() {
                guard reader.is("t", "opened"), let local = reader.text("local"), !local.isEmpty else { continue }
                add(
                    local: local, feed: try reader.demand(reader.text("feed"), "feed"),
                    boot: try reader.demand(reader.integer("boot"), "boot"))
            }
        }
    }

    package mutating func add(local: String, feed: String, boot: Int64) {
        openings[local, default: []].append(Opening(boot: boot, feed: feed))
    }

    /// The feed of the websocket that an exchange had open from `opened` to `closed` (boot nanoseconds; `.max`: it still is) with `peer`, an
    /// address as the truth writes it; nil when no journal tells, as of a worker that was killed before it wrote.
    package func feed(ofPeer peer: String, opened: Int64, closed: Int64) -> String? {
        let near = (openings[TrueSocket.address(peer)] ?? []).filter { TrueSocket.isSame(opened: opened, closed: closed, by: $0.boot) }
        return near.min { $0.boot < $1.boot }?.feed
    }
}

extension TrueSocket {
    /// Whether a worker that opened a websocket at `moment` with the address of this one can be its owner. A port is used again after a while:
    /// the owner opened it a little before the exchange saw it, or while it was open; the first of those is it.
    static func isSame(opened: Int64, closed: Int64, by moment: Int64) -> Bool {
        moment < closed && moment >= opened - 1_000_000_000
    }
}
