public import Coordination
import RedisClient

/// What operators ask of workers. A lease is only ever given up by its owner, so all of this asks, waits for the answer and watches.
extension ClusterClient {
    public typealias Progress = @Sendable (String) -> Void

    /// A handover as it was seen from outside.
    public struct Move: Sendable {
        public var feed: FeedName
        public var from: String
        public var to: String
        /// From the old websocket's end to the new one's opening, by the markers in the control stream; nil if there was no websocket before.
        public var gapMilliseconds: Int64?
    }

    /// Writes a request; gives its id.
    func ask(_ subject: RequestSubject, to target: String? = nil, force: Bool = false) async throws -> String {
        let id = String(UInt64.random(in: .min ... .max), radix: 16)
        let request = ClusterRequest(
            id: id, by: "\(ProcessInformation.hostName) process \(ProcessInformation.pid)", to: target, force: force ? true : nil)
        // The old answer goes, so that nobody takes it for the new one's.
        let fields = [RequestCall.Field(subject.answerField, ""), .init(subject.field, try request.json())]
        _ = try await redis.call(RequestCall(namespace: configuration.keys, fields: fields))
        return id
    }

    /// Takes a request back, if nobody has taken it up.
    func withdraw(_ subject: RequestSubject) async throws {
        _ = try await redis.call(RequestCall(namespace: configuration.keys, fields: [.init(subject.field, "")]))
    }

    func answer(to subject: RequestSubject, id: String) async throws -> ClusterAnswer? {
        let text = try await redis.send(["HGET", .string(configuration.keys.requests), .string(subject.answerField)]).string
        guard let text, let stored = StoredRequest(text), let answer = ClusterAnswer.decode(stored.value), answer.id == id else {
            return nil
        }
        return answer
    }

    /// Waits for an answer, and for the last one if `isComplete`. Throws `.refused` with what the worker says, or when nobody answers.
    func awaitAnswer(
        to subject: RequestSubject, id: String, complete isComplete: Bool, within limit: Duration, progress: Progress
    ) async throws -> ClusterAnswer {
        let silentUntil = LocalTime.now() + min(limit, Self.patience)
        let deadline = LocalTime.now() + limit
        var last: ClusterAnswer?
        while true {
            if let answer = try await answer(to: subject, id: id) {
                if answer != last, !answer.isFinal {
                    let left = answer.left.isEmpty ? "" : ": \(answer.left.joined(separator: ", "))"
                    progress("\(answer.worker): \(answer.detail)\(left)")
                }
                last = answer
                if answer.state == .refused { throw ClusterError(.refused, answer.detail) }
                if answer.isFinal || !isComplete { return answer }
            }
            if last == nil, LocalTime.now() > silentUntil {
                try await withdraw(subject)
                throw ClusterError(
                    .refused, "nobody answered '\(subject.field)' within \(Self.patience); `colony status` shows who is there")
            }
            guard LocalTime.now() < deadline else {
                let left = last.map { ": \($0.detail) (\($0.left.joined(separator: ", ")))" } ?? ""
                throw ClusterError(.refused, "'\(subject.field)' was not done within \(limit)\(left); it goes on by itself")
            }
            try await Task.sleep(for: .milliseconds(40))
        }
    }

    /// How long somebody who is there may take to answer: a lost wake-up costs a beat, a slow Redis more.
    static let patience = Duration.seconds(8)

    /// A request that nobody has taken up, and how old it is.
    func request(_ subject: RequestSubject) async throws -> (request: ClusterRequest, age: Duration)? {
        let text = try await redis.send(["HGET", .string(configuration.keys.requests), .string(subject.field)]).string
        guard let text, let stored = StoredRequest(text), let request = ClusterRequest.decode(stored.value) else { return nil }
        let time = try await redis.send(["TIME"])
        return (request, .milliseconds((time.array?.first?.integer ?? 0) * 1000 - stored.at))
    }

    func answer(_ subject: RequestSubject, _ answer: ClusterAnswer) async throws {
        let fields = [RequestCall.Field(subject.field, ""), .init(subject.answerField, try answer.json())]
        _ = try await redis.call(RequestCall(namespace: configuration.keys, fields: fields))
    }

    /// Whether this process beats as one that takes feeds.
    func isReady(_ incarnation: Incarnation) async throws -> Bool {
        try await hash(configuration.keys.worker(incarnation))["state"] == "ready"
    }

    // MARK: Deploying

    /// The supervisors of the workers that beat, sorted, and the number of their workers.
    public func supervisors() async throws -> [(name: String, host: String, workers: Int)] {
        var found: [String: (host: String, workers: Int)] = [:]
        for member in try await members() {
            let name = try await hash(configuration.keys.worker(member.incarnation))["supervisor"] ?? ""
            guard !name.isEmpty else { continue }
            found[name, default: (member.host, 0)].workers += 1
        }
        return found.map { ($0.key, $0.value.host, $0.value.workers) }.sorted { $0.name < $1.name }
    }

    /// Lets a supervisor replace its workers one by one, the first one's feeds going to `target` if it is given.
    public func deploy(
        _ supervisor: String, to target: String?, within limit: Duration, progress: @escaping Progress
    ) async throws -> ClusterAnswer {
        let subject = RequestSubject.deploy(supervisor: supervisor)
        let id = try await ask(subject, to: target)
        return try await awaitAnswer(to: subject, id: id, complete: true, within: limit, progress: progress)
    }

    // MARK: Moving

    /// Hands a feed over to a worker, or to the best one, and waits until the successor has its websocket.
    ///
    /// Throws `.refused` when the owner refuses (pace, unknown target) or it takes longer than `limit`; what was begun goes on.
    public func move(
        _ feed: FeedName, to target: String?, force: Bool, within limit: Duration, progress: Progress
    ) async throws -> Move {
        let deadline = LocalTime.now() + limit
        guard let group = try await group(of: feed) else {
            throw ClusterError(.exchange, "there is no feed '\(feed)'; `colony status` lists the feeds")
        }
        let keys = configuration.keys.feed(feed, group: group)
        let before = try await hash(keys.lease)
        guard let holder = before["holder"], !holder.isEmpty else {
            throw ClusterError(.refused, "nobody holds '\(feed)' at the moment, so there is nobody to move it away from")
        }
        let from = Incarnation(holder).name
        progress("\(feed): asking \(from)")
        let subject = RequestSubject.move(feed)
        let id = try await ask(subject, to: target, force: force)
        _ = try await awaitAnswer(to: subject, id: id, complete: false, within: limit, progress: progress)
        var told = ""
        while true {
            let lease = try await hash(keys.lease)
            let now = lease["holder"] ?? ""
            let name = now.isEmpty ? "" : Incarnation(now).name
            let line = Self.describe(lease, name: name, isMoved: now != holder)
            if line != told { progress("\(feed): \(line)") }
            told = line
            if !now.isEmpty, now != holder, lease["phase"] == "live" {
                let gap = try await lastGap(keys, holder: now)
                return Move(feed: feed, from: from, to: name, gapMilliseconds: before["phase"] == "live" ? gap : nil)
            }
            guard LocalTime.now() < deadline else {
                throw ClusterError(.refused, "'\(feed)' was not live at another worker within \(limit): \(line); it goes on by itself")
            }
            try await Task.sleep(for: .milliseconds(40))
        }
    }

    private static func describe(_ lease: [String: String], name: String, isMoved: Bool) -> String {
        if name.isEmpty { return "given up, nobody has it yet" }
        guard isMoved else { return "\(name) makes ready to hand it over" }
        switch (lease["phase"], lease["pending"]) {
        case ("live", _): return "live at \(name), epoch \(lease["epoch"] ?? "")"
        case (_, "cooling"): return "\(name) has it and cools down"
        default: return "\(name) has it and connects"
        }
    }

    /// Between the newest `up` and the `down` before it.
    private func lastGap(_ keys: FeedKeys, holder: String) async throws -> Int64? {
        let page = try await redis.send(["XREVRANGE", .string(keys.control), "+", "-", "COUNT", "200"]).array ?? []
        var up: Int64?
        for entry in page {
            let values = entry.array?.last?.array?.map { $0.string ?? "" } ?? []
            var fields: [String: String] = [:]
            for index in stride(from: 0, to: values.count - 1, by: 2) { fields[values[index]] = values[index + 1] }
            switch fields["marker"] {
            case "up" where up == nil: up = fields["at"].flatMap { Int64($0) }
            case "down" where up != nil:
                guard let up, let down = fields["at"].flatMap({ Int64($0) }) else { return nil }
                return max(0, up - down)
            default: break
            }
        }
        return nil
    }

    // MARK: Draining

    /// The workers that a name stands for: a worker's own, or all of a host. Throws `.refused` when there is none.
    public func workers(named name: String) async throws -> [String] {
        let members = try await members()
        let byName = members.filter { $0.name == name }
        let chosen = byName.isEmpty ? members.filter { $0.host == name } : byName
        guard !chosen.isEmpty else {
            let known = Set(members.map(\.name)).sorted().joined(separator: ", ")
            throw ClusterError(.refused, "there is no worker and no host '\(name)'; workers: \(known.isEmpty ? "none" : known)")
        }
        return chosen.map(\.name)
    }

    /// Empties a worker: its feeds are handed over one by one as their pace allows (`force`: all at once), and it takes none until it is told to
    /// or starts anew. The process goes on.
    public func drain(
        _ worker: String, to target: String? = nil, force: Bool, within limit: Duration, progress: @escaping Progress
    ) async throws -> ClusterAnswer {
        let subject = RequestSubject.drain(worker: worker)
        let id = try await ask(subject, to: target, force: force)
        return try await awaitAnswer(to: subject, id: id, complete: true, within: limit, progress: progress)
    }

    /// Lets a drained worker take feeds again.
    public func undrain(_ worker: String, progress: @escaping Progress) async throws -> ClusterAnswer {
        let subject = RequestSubject.ready(worker: worker)
        let id = try await ask(subject)
        return try await awaitAnswer(to: subject, id: id, complete: true, within: Self.patience, progress: progress)
    }

    // MARK: Balance

    /// Asks every ready worker to give away what is above its fair share, at once; the answers by worker.
    public func rebalance(progress: @escaping Progress) async throws -> [ClusterAnswer] {
        var answers: [ClusterAnswer] = []
        // The fullest first: what it gives away the others take within their share.
        for member in try await members().filter({ $0.state == .ready }).sorted(by: { $0.load > $1.load }) {
            let subject = RequestSubject.rebalance(worker: member.name)
            let id = try await ask(subject)
            answers.append(
                try await awaitAnswer(to: subject, id: id, complete: true, within: Self.patience, progress: progress))
        }
        return answers
    }

    /// Every worker that beats, by name.
    public func members() async throws -> [Member] {
        let values = try await redis.send(["ZRANGE", .string(configuration.keys.beats), "0", "-1", "WITHSCORES"]).array ?? []
        let time = try await redis.send(["TIME"])
        let now = (time.array?.first?.integer ?? 0) * 1000
        var beats: [(incarnation: Incarnation, at: Int64)] = []
        var fields: [[String?]] = []
        for index in stride(from: 0, to: values.count - 1, by: 2) {
            guard let id = values[index].string, let at = values[index + 1].string.flatMap({ Double($0) }), now - Int64(at) < 10_000 else {
                continue
            }
            let key = configuration.keys.worker(Incarnation(id))
            beats.append((Incarnation(id), Int64(at)))
            let reply = try await redis.send([.string("HMGET"), .string(key)] + Membership.fields.map { .string($0) })
            fields.append((reply.array ?? []).map(\.string))
        }
        return Membership.members(beats: beats, values: fields)
    }
}
