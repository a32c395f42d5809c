import ColonyExchanges
import NIOCore
import Testing

@testable import Simulator

/// The client's dialects and the simulator's were written apart, from the same documents: here they meet, without a socket.
@Suite struct ClientConformanceTests {
    private static let exchanges = ServerDialects.all.map(\.exchange)

    /// One connection between a client's dialect and a session, with a clock that only they advance.
    struct Conversation {
        let dialect: any Dialect
        var reader: any DialectReader
        var bench: SessionBench
        var malformed: [String] = []
        var rejections: [String] = []
        var closes: [Close] = []
        /// Streams of the data that came as answers (snapshots on request).
        var answered: [Topic?] = []
        /// What the address has subscribed.
        var asked: [Topic] = []

        /// `usesAddress`: where the exchange takes topics in its address they are named there.
        init(_ exchange: String, topics: [Topic], usesAddress: Bool = true) throws {
            var dialect = try Exchanges.dialect(exchange)
            if !usesAddress { dialect.profile.limits.topicsInAddress = 0 }
            let branch = topics.first.flatMap(dialect.branch(of:))
            if let branch = dialect.branches.first(where: { $0.name == branch }) { dialect.profile.url = branch.url }
            self.dialect = dialect
            reader = dialect.makeReader()
            let server = try #require(ServerDialects.all.first { $0.exchange == exchange })
            var target: RequestTarget
            switch dialect.connection(topics: topics, random: 1) {
            case .url(let url, let asking):
                asked = asking
                let rest = url[(url.firstRange(of: "://")?.upperBound ?? url.startIndex)...].drop { $0 != "/" && $0 != "?" }
                target = RequestTarget("/\(exchange)\(rest)")
            case .bootstrap(let call):
                let path = try #require(server.bootstrapPath)
                #expect(call.url.hasSuffix(path))
                let request = RESTRequest(method: call.method, path: path, isTLS: true, host: "localhost:1", wallMilliseconds: 1)
                let body = try #require(server.respond(to: request)).body
                let result = try call.read(Array(body.utf8))
                #expect(result.url.hasPrefix("wss://localhost:1/\(exchange)/"))
                target = RequestTarget(String(result.url.dropFirst("wss://localhost:1".count)))
            }
            #expect(server.serves(path: target.path), "\(target.path) is not served")
            bench = SessionBench(exchange, path: target.path, query: target.query)
            carryOut(bench.open())
        }

        /// Gives the exchange's messages to the reader, and the reader's answers to the exchange.
        mutating func carryOut(_ actions: [SocketSession.Action]) {
            for action in actions {
                switch action {
                case .send(let message): read(message)
                case .sendPing(let payload): carryOut(bench.session.receivedPong(Array(payload.utf8), bench.moment))
                case .close(let close, _): closes.append(close)
                case .sendPong, .packet, .withhold, .subscribed, .unsubscribed, .reset, .sendRaw, .freeze, .thaw: break
                }
            }
        }

        private mutating func read(_ message: ServerMessage) {
            let isText = message.form == .text && bench.packing == .none
            let reading = message.bytes.withUnsafeBytes { reader.read($0, isText: isText) }
            switch reading {
            case .reply(let reply): send(reply)
            case .malformed(let reason): malformed.append("\(reason): \(message.text)")
            case .ack(let acknowledgement):
                if case .rejected(let words) = acknowledgement.outcome { rejections.append(words) }
            case .packet(let route): answered.append(message.bytes.withUnsafeBytes { reader.topic(of: route, in: $0) })
            case .unrouted, .heartbeat, .notice: break
            }
        }

        mutating func send(_ message: OutgoingMessage) {
            switch message {
            case .text(let text): carryOut(bench.session.received(.text(text), bench.moment))
            case .binary(let bytes): carryOut(bench.session.received(.binary(bytes), bench.moment))
            case .ping(let payload): carryOut(bench.session.receivedPing(payload, bench.moment))
            case .pong(let payload): carryOut(bench.session.receivedPong(payload, bench.moment))
            }
        }

        mutating func subscribe(_ topics: [Topic]) {
            for request in dialect.subscribe(topics.filter { !asked.contains($0) }, firstID: 1) {
                var request = dialect.stamped(request, wallMilliseconds: Double(bench.moment.wallMilliseconds))
                reader.prepare(&request)
                send(request.message)
                bench.pass(.milliseconds(501))
            }
        }
    }

    /// What the exchange offers of Colony's usual channels, for a symbol the simulator lists.
    private func topics(_ exchange: String, ofMainAddress isMainOnly: Bool = true) throws -> [Topic] {
        let dialect = try Exchanges.dialect(exchange)
        let server = try #require(ServerDialects.all.first { $0.exchange == exchange })
        let example = dialect.profile.exampleSymbol
        #expect(server.listings.contains(example), "\(example) is not listed")
        var topics: [Topic] = []
        for channel in ["trade", "ticker", "bbo", "book", "book_snapshot", "candle.1m"] {
            guard let topic = try? dialect.canonical(Topic(channel: channel, symbol: example)), !topics.contains(topic) else { continue }
            if isMainOnly, dialect.branch(of: topic) != nil { continue }
            topics.append(topic)
        }
        return topics
    }

    @Test("what a client subscribes is subscribed, and its data come back under the same names", arguments: exchanges)
    func topicsComeBack(exchange: String) throws {
        for topic in try topics(exchange, ofMainAddress: false) {
            try comesBack(topic, Conversation(exchange, topics: [topic], usesAddress: false), of: exchange)
            let addressed = try Conversation(exchange, topics: [topic])
            #expect(addressed.asked == (addressed.dialect.profile.limits.topicsInAddress > 0 ? [topic] : []))
            if !addressed.asked.isEmpty { comesBack(topic, addressed, of: exchange) }
        }
    }

    private func comesBack(_ topic: Topic, _ opened: Conversation, of exchange: String) {
        var conversation = opened
        conversation.subscribe([topic])
        #expect(conversation.rejections == [], "\(topic)")
        #expect(conversation.closes == [], "\(topic)")
        let subscribed = Set(conversation.bench.session.subscriptions.all.map(\.topic))
        // AscendEX has snapshots on request only: one answer, nothing subscribed.
        if subscribed.isEmpty && conversation.answered == [topic] { return }
        #expect(subscribed == [topic])
        let packets = conversation.bench.apply(.push(count: 3)).packets
        #expect(packets.count >= 3)
        for packet in packets {
            let bytes = packet.message.bytes
            let read: (Reading, Topic?) = bytes.withUnsafeBytes { message in
                let reading = conversation.reader.read(message, isText: packet.message.form == .text)
                guard case .packet(let route) = reading else { return (reading, nil) }
                return (reading, conversation.reader.topic(of: route, in: message))
            }
            // Gemini's partial books name no symbol: a client can only keep them on its control stream.
            if read.0 == .unrouted && exchange == "gemini" && topic.channel == "book_snapshot" { continue }
            #expect(read.1 == packet.subscription.topic, "\(topic): \(read.0) of \(packet.message.text.prefix(300))")
        }
        #expect(conversation.malformed == [], "\(topic)")
    }

    @Test("every data message shows its number, and unpadded ones in text are JSON", arguments: exchanges)
    func numbers(exchange: String) throws {
        var conversation = try Conversation(exchange, topics: topics(exchange))
        conversation.subscribe(try topics(exchange))
        for packet in conversation.bench.apply(.push(count: 20)).packets {
            #expect(packet.message.text.contains(String(packet.number)), "\(packet.subscription.topic): \(packet.message.text.prefix(300))")
            guard packet.message.form == .text else { continue }
            // socket.io puts its packet type in front.
            let text = packet.message.text
            #expect(throws: Never.self) { try JSONValue(parsing: text.hasPrefix("42[") ? String(text.dropFirst(2)) : text) }
        }
    }

    @Test("a symbol that does not exist brings no data", arguments: exchanges)
    func unknownSymbol(exchange: String) throws {
        // Whole-market streams and products named by a number have no symbol to get wrong.
        let known = try topics(exchange)
        let topics = known.map { topic in
            var topic = topic
            topic.symbol = topic.symbol.replacing("BTC", with: "NOPE").replacing("btc", with: "nope").replacing("XBT", with: "NOPE")
            return topic
        }.filter { !known.contains($0) }
        var conversation = try Conversation(exchange, topics: topics)
        conversation.subscribe(topics)
        #expect(conversation.bench.session.subscriptions.all.map(\.topic) == [])
    }

    @Test("a client that does what its dialect says is kept for ten minutes without data", arguments: exchanges)
    func heartbeats(exchange: String) throws {
        let topics = try topics(exchange)
        var conversation = try Conversation(exchange, topics: topics)
        conversation.subscribe(topics)
        let interval = conversation.dialect.profile.heartbeat.interval.map { TimeAmount($0) }
        let end = conversation.bench.now + .minutes(10)
        var nextPing = interval.map { conversation.bench.now + $0 }
        while conversation.bench.now < end && conversation.closes.isEmpty {
            let wake = min(conversation.bench.session.wakeUp ?? end, nextPing ?? end, end)
            conversation.bench.pass(max(wake - conversation.bench.now, .nanoseconds(0)))
            if let due = nextPing, due <= conversation.bench.now, let interval {
                nextPing = due + interval
                let context = PingContext(wallMilliseconds: Double(conversation.bench.moment.wallMilliseconds), random: 7)
                if let ping = conversation.dialect.ping(.documented, context) { conversation.send(ping) }
            }
            conversation.carryOut(conversation.bench.wakeNow())
        }
        #expect(conversation.closes == [])
        #expect(conversation.malformed == [])
    }
}
