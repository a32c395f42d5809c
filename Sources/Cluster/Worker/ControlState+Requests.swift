import Coordination
import Ingest
import Logging
import NIOCore
import RedisClient

/// What others ask of this worker, and what it asks of them: handovers, drains, balance.
extension ControlState {
    // MARK: Reading

    /// The guarantee behind the wake-ups: looks whether there is anything new.
    func pollRequests() {
        send(["HGET", .string(configuration.keys.meta), "requests_version"]) { [self] result in
            guard case .success(let reply) = result, let version = reply.integer, version != requestsVersion else { return }
            send(["HGETALL", .string(configuration.keys.requests)]) { [self] result in
                guard case .success(let reply) = result, let values = reply.array else { return }
                requestsVersion = version
                for index in stride(from: 0, to: values.count - 1, by: 2) {
                    if let field = values[index].string, let text = values[index + 1].string { heardRequest(field, text) }
                }
            }
        }
    }

    func wokenByRequest(_ field: String) {
        guard isForUs(field) else { return }
        send(["HGET", .string(configuration.keys.requests), .string(field)]) { [self] result in
            if case .success(let reply) = result, let text = reply.string { heardRequest(field, text) }
        }
    }

    private func isForUs(_ field: String) -> Bool {
        if case .take(_, let feed)? = RequestSubject(answerField: field) { return handovers.isUnderWay(feed) }
        switch RequestSubject(field: field) {
        case .move(let feed): return held.contains(feed)
        case .drain(let worker), .ready(let worker), .rebalance(let worker), .take(let worker, _): return worker == incarnation.name
        case .deploy, nil: return false
        }
    }

    private func heardRequest(_ field: String, _ text: String) {
        guard !isDraining, isForUs(field), let stored = StoredRequest(text) else { return }
        if case .take(let worker, let feed)? = RequestSubject(answerField: field) {
            return perform(handovers.answered(feed, by: worker, view: view, now: .now()))
        }
        // An old one is not taken up: whoever asked has given up waiting, and the picture is another one.
        guard redisNow - stored.at < ClusterRequest.validMilliseconds, let subject = RequestSubject(field: field),
            let request = ClusterRequest.decode(stored.value), takenUp[field] != request.id
        else { return }
        if takenUp.count > 1024 { takenUp.removeAll() }
        takenUp[field] = request.id
        if case .take = subject {} else { logger.notice("Asked", metadata: ["request": "\(field)", "by": "\(request.by)"]) }
        switch subject {
        case .move(let feed): readAdmission(of: feed) { [self] in move(feed, request) }
        case .drain: park(request)
        case .ready: unpark(request)
        case .rebalance: readAdmissions { [self] in rebalance(request) }
        case .take(_, let feed): take(feed, request)
        case .deploy: break
        }
    }

    // MARK: Asking and answering

    func write(_ fields: [RequestCall.Field]) {
        guard !fields.isEmpty else { return }
        call(RequestCall(namespace: configuration.keys, fields: fields), timeout: .seconds(2)) { [self] result in
            if case .failure(let error) = result { logger.info("Request or answer could not be written", error: error) }
        }
    }

    private func answer(
        _ subject: RequestSubject, _ request: ClusterRequest, _ state: ClusterAnswer.State, _ detail: String, left: [String] = []
    ) {
        let answer = ClusterAnswer(id: request.id, state: state, worker: incarnation.name, detail: detail, left: left)
        do {
            write([.init(subject.field, ""), .init(subject.answerField, try answer.json())])
        } catch {
            logger.error("An answer cannot be encoded", error: error)
        }
    }

    // MARK: Operators' requests

    private func move(_ feed: FeedName, _ request: ClusterRequest) {
        let subject = RequestSubject.move(feed)
        guard held.contains(feed) else { return answer(subject, request, .refused, "\(incarnation.name) does not hold \(feed) any more") }
        if let to = request.to {
            guard to != incarnation.name else { return answer(subject, request, .refused, "\(to) holds it already") }
            guard placement.isCandidate(to) else {
                return answer(subject, request, .refused, "\(to) is not ready to take feeds; `colony status` shows who is")
            }
        }
        let order = order(feed, to: request.to, reason: "moved by an operator", isForced: request.force ?? false)
        if !order.isForced, !order.isIdle, !isPaceFree(feed) {
            let left = ((paceLeft(feed) ?? .zero).wholeMilliseconds + 999) / 1000
            return answer(
                subject, request, .refused,
                "the last disconnect of '\(order.budget)' was less than its pace ago: moved now, \(feed) would be without a websocket for "
                    + "\(left) s more. Ask again then, or force it")
        }
        moveRequests[feed] = request
        answer(subject, request, .accepted, "\(incarnation.name) hands it over", left: [feed.text])
        perform(handovers.order([order], view: view, now: .now()))
    }

    private func rebalance(_ request: ClusterRequest) {
        let isBefore = Set(handovers.feeds)
        var machine = placement
        let actions = machine.rebalance(now: .now()) { [self] in isPaceFree($0) }
        placement = machine
        perform(actions)
        let moved = handovers.feeds.filter { !isBefore.contains($0) }.map(\.text)
        let over = placement.load - moved.count - Int(placement.mean.rounded(.up))
        let detail =
            "holds \(placement.load), its share is \(Self.short(placement.mean)); gives away \(moved.count)"
            + (over > 0 ? ", \(over) more must wait for their pace" : "")
        answer(.rebalance(worker: incarnation.name), request, .done, detail, left: moved)
    }

    private static func short(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

    // MARK: Draining while the process goes on

    private func park(_ request: ClusterRequest) {
        parked = request
        perform(placement.drain(now: .now()))
        beat()
        readAdmissions { [self] in
            guard parked != nil else { return }
            let orders = held.sorted().map { order($0, to: request.to, reason: "drain", isForced: request.force ?? false) }
            perform(handovers.order(orders, view: view, now: .now()))
            tellParked(isFirst: true)
        }
    }

    private func unpark(_ request: ClusterRequest) {
        parked = nil
        perform(handovers.cancel())
        perform(placement.undrain(now: .now()))
        beat()
        answer(.ready(worker: incarnation.name), request, .done, "takes feeds again")
    }

    /// Tells how far a drain is: what is left, and why.
    func tellParked(isFirst: Bool = false) {
        guard let request = parked else { return }
        let waiting = Set(handovers.waiting)
        let left = held.sorted().map { feed in
            guard waiting.contains(feed), let wait = paceLeft(feed), wait > .zero else { return feed.text }
            return "\(feed) (pace: \((wait.wholeMilliseconds + 999) / 1000) s)"
        }
        guard isFirst || left != toldLeft else { return }
        toldLeft = left
        let subject = RequestSubject.drain(worker: incarnation.name)
        if left.isEmpty {
            answer(subject, request, .done, "holds nothing, and takes nothing until it is told to or starts anew")
        } else {
            answer(subject, request, .running, "\(left.count) to hand over", left: left)
        }
    }

    // MARK: Handing over

    var view: HandoverMachine.View {
        HandoverMachine.View(
            isPaceFree: { [self] in isPaceFree($0) },
            successor: { [self] in placement.successor(of: $0) })
    }

    func order(_ feed: FeedName, to target: String?, reason: String, isForced: Bool = false) -> HandoverMachine.Order {
        // Without a websocket nothing is disconnected: what is owed stays for the successor.
        let isIdle = statuses[feed].map { $0.phase == .held } ?? false
        return HandoverMachine.Order(
            feed: feed, budget: feeds[feed]?.keys.group ?? feed.exchange, target: target, reason: reason, isForced: isForced,
            isIdle: isIdle)
    }

    func perform(_ actions: [HandoverMachine.Action]) {
        var fields: [RequestCall.Field] = []
        for action in actions {
            switch action {
            case .invite(let feed, let worker): fields += invitation(feed, worker)
            case .give(let feed, let worker, let reason):
                logger.notice("Feed is handed over", metadata: ["feed": "\(feed)", "to": "\(worker ?? "anybody")", "reason": "\(reason)"])
                feeds[feed]?.post(.stop(reason: reason, preferred: worker))
            case .forget(let feed, let worker):
                let subject = RequestSubject.take(worker: worker, feed: feed)
                fields += [.init(subject.field, ""), .init(subject.answerField, "")]
            case .wake(let at):
                handoverWake?.cancel()
                let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
                handoverWake = eventLoop.scheduleTask(in: .nanoseconds(max(0, (at - .now()).wholeNanoseconds))) {
                    let state = loopBound.value
                    state.perform(state.handovers.woken(view: state.view, now: .now()))
                }
            }
        }
        write(fields)
    }

    private func invitation(_ feed: FeedName, _ worker: String) -> [RequestCall.Field] {
        do {
            let request = ClusterRequest(id: String(UInt64.random(in: .min ... .max), radix: 16), by: incarnation.name)
            return [.init(RequestSubject.take(worker: worker, feed: feed).field, try request.json())]
        } catch {
            logger.error("An invitation cannot be encoded", error: error)
            return []
        }
    }

    /// The feed is given up at this moment with a worker preferred; if that was not planned, tell it.
    func offer(_ feed: FeedName, to worker: String) {
        guard !handovers.isUnderWay(feed), !isDraining else { return }
        write(invitation(feed, worker))
    }

    /// The feed has gone from here.
    func handedOver(_ feed: FeedName) {
        perform(handovers.gone(feed, view: view, now: .now()))
        if let request = moveRequests.removeValue(forKey: feed) {
            answer(.move(feed), request, .done, "\(incarnation.name) has given it up")
        }
        tellParked()
    }

    // MARK: Taking over

    /// An owner is about to give us a feed: watch it, whatever the rank, and prepare the connection.
    private func take(_ feed: FeedName, _ request: ClusterRequest) {
        guard parked == nil, !held.contains(feed) else { return ready(feed, request, "") }
        let until = LocalTime.now() + Self.invitationLasts
        invitations[feed] = until
        // One that has just started may not know the feed yet: it hears of the invitation when it does.
        guard let handle = feeds[feed] else { return ready(feed, request, "cold") }
        handle.post(.invited(until: until))
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        let loop = eventLoop
        handle.run { runner in
            runner.prewarm(for: Self.invitationLasts) { isWarm in
                loop.execute { loopBound.value.ready(feed, request, isWarm ? "warm" : "cold") }
            }
        }
    }

    private func ready(_ feed: FeedName, _ request: ClusterRequest, _ detail: String) {
        answer(.take(worker: incarnation.name, feed: feed), request, .done, detail)
    }

    func isInvited(_ feed: FeedName) -> Bool { invitations[feed].map { LocalTime.now() < $0 } ?? false }

    /// From the invitation to the grant; much longer than any handover takes.
    private static let invitationLasts = Duration.seconds(10)
}
