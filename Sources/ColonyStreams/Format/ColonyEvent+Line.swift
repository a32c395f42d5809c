internal import Coordination
internal import NIOCore

extension ColonyEvent {
    /// The event as one line for people: time of arrival (UTC), exchange or topic, epoch and sequence, and what it is.
    ///
    /// `dataLimit`: bytes of payload shown, nil for all of it.
    public func line(dataLimit: Int? = 160) -> String {
        "\(ColonyEvent.clock(id.milliseconds)) \(place) \(id.epoch)/\(id.sequence) \(told(dataLimit: dataLimit))"
    }

    private var place: String {
        if case .packet(let packet) = self, let topic = packet.topic { return "\(feed) \(topic.channel) \(topic.symbol)" }
        if case .trimmed(let trimmed) = self { return trimmed.stream }
        return feed.text
    }

    private func told(dataLimit: Int?) -> String {
        switch self {
        case .packet(let packet):
            var marks = packet.missing.map { "[incomplete: \($0.word)] " } ?? ""
            if packet.isRepeat { marks += "[repeat] " }
            return marks + ColonyEvent.shown(packet.data, limit: dataLimit)
        case .gap(let gap): return "GAP \(gap.from)..\(gap.to) were received and are not stored (\(gap.reason))"
        case .producerChanged(let change): return ColonyEvent.told(change.change)
        case .rollback(let rollback):
            switch rollback.cause {
            case .announced(let reason, let epoch, let next): return "ROLLBACK (\(reason)): repeated from \(epoch)/\(next) on"
            case .observed(let last): return "ROLLBACK seen: \(rollback.stream) ends at \(last), before what was read; waiting"
            }
        case .trimmed(let trimmed): return "TRIMMED: about \(trimmed.lostEstimate) entries behind \(trimmed.after) were removed unread"
        case .foreign(let entry):
            return "FOREIGN entry in \(entry.stream): \(entry.fields.map { "\($0.name)=\($0.value)" }.joined(separator: " ").prefix(160))"
        }
    }

    private static func told(_ change: ProducerChange.Change) -> String {
        switch change {
        case .fenced(let worker, let reason, let complete):
            "FENCE by \(worker) (\(reason)); what came before is \(complete ? "complete" : "possibly cut off")"
        case .up(let worker, let complete):
            "UP at \(worker); what came before is \(complete ? "complete" : "possibly cut off")"
        case .down(let reason, let complete, let admitted):
            "DOWN (\(reason)), \(complete ? "complete" : "declared by another"), reconnect \(admitted ? "admitted" : "cooling")"
        case .unannounced: "EPOCH changed; its marker was not seen"
        }
    }

    private static func shown(_ data: ByteBuffer, limit: Int?) -> String {
        let total = data.readableBytes
        guard let text = JSONText.utf8(data) else { return "<\(total) bytes, not text>" }
        let line = String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : $0 }))
        guard let limit, total > limit else { return line }
        return "\(line.prefix(limit))... (\(total) bytes)"
    }

    /// `hh:mm:ss.mmm` of milliseconds since 1970, UTC.
    static func clock(_ milliseconds: Int64) -> String {
        let day = milliseconds % 86_400_000
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let rest = day % 1_000
        let fraction = rest < 10 ? "00\(rest)" : rest < 100 ? "0\(rest)" : "\(rest)"
        return "\(two(day / 3_600_000)):\(two(day / 60_000 % 60)):\(two(day / 1_000 % 60)).\(fraction)"
    }
}
