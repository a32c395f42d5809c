internal import RedisClient

extension FunctionModel {
    mutating func publish(_ call: Arguments) throws(RedisError) -> RedisValue {
        if outOfMemory { throw Self.error("OOM command not allowed when used memory > 'maxmemory'.", code: .outOfMemory) }
        let lease = call.keys[0]
        let token = try call.text(0)
        guard var record = record(lease), record.shows(token) || omitted.contains(.tokenCheck) else { return Self.fenced }
        guard record["phase"] == "live" || omitted.contains(.tokenCheck) else { return Self.reply("0", "ENDED") }
        let first = try call.number(1)
        let cursor = omitted.contains(.cursorCheck) ? first : record.number("next_sequence")
        guard (call.values.count - call.keys.count) % 5 == 0 else { throw Self.error("BADARG publish takes five values per packet") }
        if first > cursor { return Self.reply("0", "GAP", String(cursor)) }

        let packets = try packets(call, skipping: Int(cursor - first))
        guard let head = packets.first, let tail = packets.last else { return Self.reply("1", String(cursor)) }
        var epoch = record.number("epoch")
        // Without the check the caller's own epoch counts.
        if omitted.contains(.tokenCheck) { epoch = token.split(separator: ":").last.flatMap { Int64($0) } ?? epoch }
        for (packet, sequence) in [(head, cursor), (tail, cursor + Int64(packets.count) - 1)] {
            guard packet.id == Self.id(Int64(packet.id.milliseconds), epoch: epoch, sequence: sequence) else {
                throw Self.error("BADID \(packet.id) must end in epoch \(epoch) and sequence \(sequence)")
            }
        }
        if Int64(head.id.milliseconds) < record.number("last_ms") {
            return Self.reply("0", "ORDER", String(cursor), Self.storedTop(record))
        }
        if tail.id.milliseconds < head.id.milliseconds { return Self.reply("0", "ORDER", String(cursor), head.id.description) }

        if packets.contains(where: { $0.stream.isEmpty }) { throw Self.error("BADARG a stream number is none of the call's streams") }

        let opened = packets.filter { $0.previous == "0" && $0.stream != call.keys[1] }
        let blocking = opened.compactMap { packet in top(packet.stream).flatMap { $0 >= packet.id ? $0 : nil } }
        if let highest = blocking.max() { return Self.reply("0", "ORDER", String(cursor), highest.description) }
        let after = packets.map { $0.previous == "0" && $0.stream != call.keys[1] ? top($0.stream) ?? .zero : nil }
        for packet in opened { hashes[call.keys[2], default: [:]][packet.stream] = String(epoch) }
        return append(packets, after: after, to: call, &record, from: cursor)
    }

    private mutating func append(
        _ packets: [Packet], after: [StreamID?], to call: Arguments, _ record: inout RecordModel, from cursor: Int64
    ) -> RedisValue {
        var next = cursor
        var refused: String?
        for (packet, after) in zip(packets, after) {
            var fields = [
                StreamModel.Field("time", packet.time), StreamModel.Field("prev", packet.previous), StreamModel.Field("data", packet.data),
            ]
            if let after, !omitted.contains(.after) { fields.append(StreamModel.Field("after", after.description)) }
            let appended = streams[packet.stream, default: StreamModel()].append(
                StreamModel.Entry(id: packet.id, fields: fields), maximumLength: packet.maximumLength)
            guard appended else {
                refused = packet.stream
                break
            }
            record.set("last_ms", Int64(packet.id.milliseconds))
            if packet.stream == call.keys[1] { record.set("control_sequence", next) }
            next += 1
        }
        if next > cursor {
            record.set("next_sequence", next)
            store(record, at: call.keys[0])
        }
        if let refused { return Self.reply("0", "ORDER", String(next), (top(refused) ?? .zero).description) }
        return Self.reply("1", String(next))
    }

    private struct Packet {
        /// Empty for a number that is none of the call's streams.
        var stream: String
        var maximumLength: Int
        var id: StreamID
        var time: String
        var previous: String
        var data: String
    }

    private func packets(_ call: Arguments, skipping count: Int) throws(RedisError) -> [Packet] {
        var packets: [Packet] = []
        for at in stride(from: call.keys.count + 5 * count, to: call.values.count, by: 5) {
            let number = Int(try call.number(at))
            let isKnown = number >= 0 && number + 3 <= call.keys.count
            guard let id = StreamID(call.values[at + 1]) else { throw Self.error("BADID \(call.values[at + 1])") }
            packets.append(
                Packet(
                    stream: !isKnown ? "" : number == 0 ? call.keys[1] : call.keys[number + 2],
                    maximumLength: isKnown ? Int(try call.number(number == 0 ? 2 : number + 2)) : 0, id: id, time: call.values[at + 2],
                    previous: call.values[at + 3], data: call.values[at + 4]))
        }
        return packets
    }

    mutating func lost(_ call: Arguments, now: Int64) throws(RedisError) -> RedisValue {
        let (lease, control, events) = (call.keys[0], call.keys[1], call.keys[2])
        let (token, first, last, time) = (try call.text(0), try call.number(1), try call.number(2), try call.number(3))
        let reason = try call.text(4)
        guard var record = record(lease), record.shows(token) else { return Self.fenced }
        let cursor = record.number("next_sequence")
        let epoch = record.number("epoch")
        if cursor > last { return Self.reply("1", String(cursor)) }
        if record["phase"] != "live" { return Self.reply("0", "ENDED") }
        if first != cursor { return Self.reply("0", "GAP", String(cursor)) }
        if time < record.number("last_ms") { return Self.reply("0", "ORDER", String(cursor), Self.storedTop(record)) }
        let id = Self.id(time, epoch: epoch, sequence: last)
        if let top = top(control), id <= top { return Self.reply("0", "ORDER", String(cursor), top.description) }
        mark(
            control, id,
            [("marker", "gap"), ("at", String(now)), ("from", String(first)), ("to", String(last)), ("reason", reason)])
        record.set("next_sequence", last + 1)
        record.set("last_ms", time)
        store(record, at: lease)
        log(events, "gap", lease, worker: record["holder"], epoch: epoch, reason: reason, now: now)
        return Self.reply("1", String(last + 1))
    }
}
