package import Coordination

/// One line of a worker's journal: what the worker knew and believed, never a packet.
///
/// The journal is a file of JSON lines, `workers/<incarnation>.jsonl` in the directory that the setting `history` names. Every line has `t` (the
/// kind) and `boot` (CLOCK_BOOTTIME in nanoseconds); lines about a feed have `feed`. Further members by kind:
///
/// | `t` | further members |
/// |---|---|
/// | `start` | `worker` (incarnation), `host`, `pid`, `ttl_ms`, `self_fence_ms`, `close_slack_ms`, `deadman` (bool) |
/// | `feed` | `exchange`, `group`, `pace_ms`, `routing`: this worker knows the feed from now on |
/// | `load` | `why` (`claim`, `grant`), `load` (claims under way included), `cap`: this worker's share |
/// | `granted` | `epoch`, `sent` (boot time of the acquire), `deadline` (boot time), `kept` (bool; false: the grant came too late, or to nobody) |
/// | `lost` | `epoch`, `reason`: the lease is no longer this worker's |
/// | `renewal` | `sent`, `leases` (count): one call |
/// | `renewed` | `epoch`, `sent`, `deadline`: confirmed, and until when that lets the lease be trusted |
/// | `unconfirmed` | `reason`: held until its deadline only |
/// | `refused`, `missing` | `epoch`: the record carries another token; there is no record |
/// | `outage` | `sent`: a connect sent then proved that the directly attached Redis is gone; every lease held may be trusted for H more |
/// | `expired` | `epoch`: the deadline has passed |
/// | `deadman` | `at` (boot time at which the kernel kills this process; 0: disarmed) |
/// | `phase` | `from`, `to` (section 6 of the contract), `epoch` |
/// | `pending` | `pending` (`due`, `cooling`), `ms`, `sent`: the reconnect is owed; counted from between `sent` and `boot` |
/// | `kept` | `ms`, `reason`: a soft disconnect was refused by the pace; the socket goes on |
/// | `dial` | `socket`: an attempt begins, and gets this number |
/// | `dial_failed` | `reason` |
/// | `opened` | `socket` (number of the feed's attempts in this file), `local`, `peer` (addresses and ports; `local` is what the exchange sees) |
/// | `begun` | `socket`, `epoch`: the socket's packets are published under this epoch |
/// | `resumed` | `socket`, `epoch`: they are from now on published under this one |
/// | `closing` | `socket`, `reason`, `messages`: nothing is taken from the socket any more; so many messages were |
/// | `closed` | `socket`, `reason`, `messages` |
/// | `fenced` | `self` (bool): the feed gave up by its deadline, or because Redis refused its token |
/// | `publish` | `answer` (`fenced`, `ended`, `gap`, `order`), `next` |
/// | `dropped` | `packets`, `reason`: not published, and never will be |
/// | `gap` | `from`, `to`, `reason`: declared lost |
/// | `pressure` | `high` (bool): Redis is slower than the exchange, the socket is not read |
/// | `link` | `which` (`control`, `data`), `up` (bool) |
/// | `subscription` | `topic`, `state` |
/// | `draining`, `finished`, `stop` | the worker gives everything up; has given up the feed; ends |
/// | `hole` | `lines`: so many lines are missing here, because the disk was too slow |
package struct WorkerEvent: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case start, feed, load, granted, lost, renewal, renewed, unconfirmed, refused, missing, outage, expired, deadman, phase,
            pending, kept, dial, opened, begun, resumed, closing, closed, fenced, publish, dropped, gap, pressure, link, subscription,
            draining, finished, stop, hole
        case dialFailed = "dial_failed"
    }

    package var kind: Kind
    /// CLOCK_BOOTTIME, nanoseconds.
    package var boot: Int64
    package var feed: FeedName?
    package var fields: [JSONLine.Field]

    package init(_ kind: Kind, boot: Int64, feed: FeedName? = nil, _ fields: [JSONLine.Field] = []) {
        self.kind = kind
        self.boot = boot
        self.feed = feed
        self.fields = fields
    }

    /// The event as one line of JSON, with the line break.
    package var line: [UInt8] {
        var line = JSONLine()
        line.add("t", .text(kind.rawValue))
        line.add("boot", .number(boot))
        if let feed { line.add("feed", .text(feed.text)) }
        for (name, value) in fields { line.add(name, value) }
        return line.finished()
    }
}
