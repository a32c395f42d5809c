extension DialectDefinition {
    /// Reads a definition from text fields, as a configuration file gives them: nested keys joined by dots, list elements numbered.
    ///
    /// | field | type | default |
    /// |---|---|---|
    /// | `url` | `ws://` or `wss://` address | required |
    /// | `subscribe`, `unsubscribe` | template | none |
    /// | `name`, `symbol` | text | the id, `BTC-USD` |
    /// | `market` | `spot` or `futures` | `spot` |
    /// | `channels.<word>` | the exchange's name of a channel | names are used as they are |
    /// | `channel_at`, `symbol_at` | path | none: every packet goes to the control stream |
    /// | `ack_at`, `ack_value`, `error_at`, `id_at` | path, text, path, path | none; `id_at`: `id` if `subscribe` holds `{id}` |
    /// | `heartbeat.style` | `text`, `ping` or `none` | `text` if `heartbeat.send` is given, else `ping` |
    /// | `heartbeat.send`, `heartbeat.expect` | text | payload `ping`; none |
    /// | `heartbeat.every`, `heartbeat.reply_within`, `heartbeat.silence` | duration | 30s, 10s, three times `every` but at least 60s |
    /// | `heartbeat.ask`, `heartbeat.answer` | text | none |
    /// | `ignore`, `ignore.<n>` | text | none |
    /// | `greeting`, `deflate` | `true` or `false` | `false` |
    /// | `compression` | `none`, `gzip` or `raw_deflate` | `none` |
    /// | `limits.max_topics`, `limits.messages`, `limits.connects` | count | none, 5, none |
    /// | `limits.message_window`, `limits.connect_window`, `limits.max_age` | duration | 1s, none, none |
    ///
    /// Durations are a whole number and `ms`, `s`, `m`, `h` or `d`. Throws `badDefinition` that names the field: for a missing `url`,
    /// a key it does not know, a value that cannot be read, and what contradicts itself.
    public init(id: String, fields: [String: String]) throws(DialectError) {
        self.init(id: id, url: fields["url"] ?? "", subscribe: nil)
        guard fields["url"] != nil else { throw complaint("url", "is missing") }
        var ignored: [(Int, String)] = []
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            if key.hasPrefix("channels."), key.utf8.count > 9 {
                channels[String(key.dropFirst(9))] = value
            } else if key.hasPrefix("ignore."), let index = Int(key.dropFirst(7)) {
                ignored.append((index, value))
            } else if key.hasPrefix("heartbeat.") {
                try setHeartbeat(key, value)
            } else if key.hasPrefix("limits.") {
                try setLimit(key, value)
            } else {
                try set(key, value)
            }
        }
        ignore += ignored.sorted { $0.0 < $1.0 }.map(\.1)
        if fields["heartbeat.style"] == nil, heartbeat.send != nil { heartbeat.style = .text }
        try validate()
    }

    private mutating func set(_ key: String, _ value: String) throws(DialectError) {
        switch key {
        case "url": url = value
        case "name": name = value
        case "symbol": exampleSymbol = value
        case "market": market = try choice(key, value, ["spot": .spot, "futures": .futures])
        case "subscribe": subscribe = value
        case "unsubscribe": unsubscribe = value
        case "channel_at": channelAt = value
        case "symbol_at": symbolAt = value
        case "ack_at": ackAt = value
        case "ack_value": ackValue = value
        case "error_at": errorAt = value
        case "id_at": idAt = value
        case "ignore": ignore = [value]
        case "greeting": waitsForGreeting = try choice(key, value, ["true": true, "false": false])
        case "deflate": offersDeflate = try choice(key, value, ["true": true, "false": false])
        case "compression": compression = try choice(key, value, ["none": .none, "gzip": .gzip, "raw_deflate": .rawDeflate])
        default: throw complaint(key, "is not a field of an exchange's definition")
        }
    }

    private mutating func setHeartbeat(_ key: String, _ value: String) throws(DialectError) {
        switch key {
        case "heartbeat.style": heartbeat.style = try choice(key, value, ["text": .text, "ping": .ping, "none": .none])
        case "heartbeat.send": heartbeat.send = value
        case "heartbeat.every": heartbeat.every = try duration(key, value)
        case "heartbeat.expect": heartbeat.expect = value
        case "heartbeat.reply_within": heartbeat.replyWithin = try duration(key, value)
        case "heartbeat.silence": heartbeat.silence = try duration(key, value)
        case "heartbeat.ask": heartbeat.ask = value
        case "heartbeat.answer": heartbeat.answer = value
        default: throw complaint(key, "is not a field of an exchange's definition")
        }
    }

    private mutating func setLimit(_ key: String, _ value: String) throws(DialectError) {
        switch key {
        case "limits.max_topics": limits.maxTopics = try count(key, value)
        case "limits.messages": limits.messages = try count(key, value)
        case "limits.message_window": limits.messageWindow = try duration(key, value)
        case "limits.connects": limits.connects = try count(key, value)
        case "limits.connect_window": limits.connectWindow = try duration(key, value)
        case "limits.max_age": limits.maxAge = try duration(key, value)
        default: throw complaint(key, "is not a field of an exchange's definition")
        }
    }

    private func choice<Value>(_ key: String, _ value: String, _ choices: [String: Value]) throws(DialectError) -> Value {
        if let chosen = choices[value.lowercased()] { return chosen }
        throw complaint(key, "'\(value)' is not one of \(choices.keys.sorted().joined(separator: ", "))")
    }

    private func count(_ key: String, _ value: String) throws(DialectError) -> Int {
        if let count = Int(value), count > 0 { return count }
        throw complaint(key, "'\(value)' is no whole number above 0")
    }

    private func duration(_ key: String, _ value: String) throws(DialectError) -> Duration {
        let digits = value.prefix { $0.isASCII && $0.isNumber }
        let milliseconds: Int? =
            switch value.dropFirst(digits.count) {
            case "ms": 1
            case "s": 1_000
            case "m": 60_000
            case "h": 3_600_000
            case "d": 86_400_000
            default: nil
            }
        if let count = Int(digits), let milliseconds, count <= 1_000_000_000 { return .milliseconds(count * milliseconds) }
        throw complaint(key, "'\(value)' is no duration; write a whole number and ms, s, m, h or d, for example 15s")
    }
}
