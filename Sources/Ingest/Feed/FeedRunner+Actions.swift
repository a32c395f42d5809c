import ColonyExchanges
import Coordination
import Logging
import NIOCore
import RedisClient
import WebSocketClient

/// What the feed machine wants done.
extension FeedRunner {
    func perform(_ action: FeedMachine.Action) {
        let feed = configuration.feed
        switch action {
        case .initialise: control.initialise(feed)
        case .observe: control.observe(feed)
        case .acquire(let acquisition, let connection): control.acquire(feed, acquisition, connection: connection)
        case .hold(let token, let sentAt):
            saw(token.epoch)
            control.hold(feed, token, sentAt: sentAt)
        case .replaceToken(let token):
            saw(token.epoch)
            control.replaceToken(feed, token)
        case .letGo:
            // Without the lease nothing that still comes is ours to publish.
            session.closing?.isActive = false
            control.letGo(feed)
        case .call(let id, let call): perform(call, id)
        case .dial: dial()
        case .cancelDial:
            session.cancelAttempt()
            // The deadline may pass in the very turn in which the websocket opened: until it is closed, the dead-man has to watch it.
            if session.socket == nil, session.closing == nil { control.socketClosed(feed) }
        case .startPublishing(let epoch, let lastMilliseconds, let redisNow):
            saw(epoch)
            note(.begun, [("socket", .number(Int64(session.number))), ("epoch", .number(Int64(epoch)))])
            clockRead(redisMilliseconds: redisNow, at: .now())
            publisher.begin(Token(incarnation: incarnation, epoch: epoch), lastMilliseconds: lastMilliseconds)
        case .renumber(let epoch, let lastMilliseconds, let redisNow):
            saw(epoch)
            note(.resumed, [("socket", .number(Int64(session.number))), ("epoch", .number(Int64(epoch)))])
            clockRead(redisMilliseconds: redisNow, at: .now())
            publisher.renumber(Token(incarnation: incarnation, epoch: epoch), lastMilliseconds: lastMilliseconds)
        case .pauseReading:
            isPausedByMachine = true
            applyReading()
        case .resumeReading: resumeReading()
        case .closeSocket(let reason):
            closeSocket(reason: reason, within: .milliseconds(100), keepsReceiving: machine.phase == .drain)
        case .closeSocketBy(let time, let reason):
            closeSocket(reason: reason, within: min(.milliseconds(100), max(.milliseconds(1), time - .now())))
        case .rewind(let next): publisher.rewind(to: next)
        case .dropBuffer(let reason):
            session.closing?.isActive = false
            let dropped = publisher.drop()
            note(.dropped, [("packets", .number(Int64(dropped))), ("reason", .text(reason))])
            if dropped > 0 { logger.warning("Unpublished packets dropped", metadata: ["packets": "\(dropped)", "reason": "\(reason)"]) }
        // Whoever takes the runner down must not do so under a websocket that is being closed.
        case .finished: session.whenClosed { [self] in control.finished(feed) }
        case .report(let report): log(report)
        }
    }

    private func saw(_ epoch: Int) {
        guard epoch > floor else { return }
        floor = epoch
        control.saw(configuration.feed, epoch: epoch)
    }

    func perform(_ call: FeedMachine.Call, _ id: Int) {
        let keys = configuration.keys
        let policy = configuration.policy
        let pace = policy.pace.wholeMilliseconds
        switch call {
        case .gate(let token):
            let sentAt = LocalTime.now()
            send(id, GateCall(feed: keys, token: token, paceMilliseconds: pace)) { [self] reply in
                notePending(reply, sentAt: sentAt)
                return .gate(reply)
            }
        case .retry(let token, let wait):
            send(id, RetryCall(feed: keys, token: token, waitMilliseconds: wait.wholeMilliseconds)) { .retry($0) }
        case .begin(let token, let jump):
            send(
                id,
                BeginCall(
                    feed: keys, token: token, floor: floor, floorMilliseconds: publisher.machine.lastMilliseconds, server: link.serverRunID,
                    jump: jump)
            ) { .begin($0) }
        case .resume(let token, let renumber, let floorMilliseconds, let jump):
            publisher.hold()
            send(
                id,
                ResumeCall(
                    feed: keys, incarnation: token.incarnation, epoch: token.epoch, next: publisher.machine.firstUnstored,
                    ttlMilliseconds: policy.timing.ttl.wholeMilliseconds,
                    floorMilliseconds: max(floorMilliseconds, publisher.machine.lastMilliseconds), server: link.serverRunID, jump: jump,
                    renumber: renumber, admittedAgeMilliseconds: admittedAt.map { (LocalTime.now() - $0).wholeMilliseconds })
            ) { .resume($0) }
        case .disconnect(let token, let hard, let delay, let reason):
            publisher.afterSending { [self] in
                let sentAt = LocalTime.now()
                send(
                    id,
                    DisconnectCall(
                        feed: keys, token: token, first: publisher.machine.nextSequence, hard: hard,
                        delayMilliseconds: delay.wholeMilliseconds,
                        paceMilliseconds: pace, reason: reason)
                ) { [self] reply in
                    if case .ended(.due, _) = reply { admittedAt = .now() }
                    notePending(reply, sentAt: sentAt, reason: reason)
                    return .disconnect(reply)
                }
            }
        case .release(let token, let delay, let connect, let preferred, let reason):
            if let preferred { control.offer(configuration.feed, to: preferred) }
            // The successor may connect as soon as this is executed: the socket must be closed before.
            session.whenClosed { [self] in
                publisher.afterSending { [self] in
                    send(
                        id,
                        ReleaseCall(
                            feed: keys, proof: .clean(token), reason: reason, delayMilliseconds: delay.wholeMilliseconds,
                            connectMilliseconds: connect.wholeMilliseconds, paceMilliseconds: pace,
                            quarantineMilliseconds: policy.quarantine.wholeMilliseconds, preferred: preferred,
                            first: publisher.machine.nextSequence)
                    ) { .release($0) }
                }
            }
        }
    }

    /// Writes a call and brings its reply to the machine.
    func send<Call: FunctionCall>(_ id: Int, _ call: Call, _ wrap: @escaping (Call.Reply) -> FeedMachine.CallReply) {
        let written = link.write(call.arguments(), timeout: .seconds(5)) { [self] result in
            switch result {
            case .success(let value):
                do throws(CoordinationError) {
                    handle(.replied(id, wrap(try Call.decode(value))))
                } catch {
                    logger.error("Redis function answered with nonsense", error: error, metadata: ["function": "\(Call.function)"])
                    handle(.callFailed(id))
                }
            case .failure(let error):
                if error.code == .functionNotFound { link.reloadLibrary() }
                if error.code != .connectionLost {
                    logger.info("Redis call failed; it is repeated", error: error, metadata: ["function": "\(Call.function)"])
                }
                handle(.callFailed(id))
            }
        }
        if written {
            link.flush()
        } else {
            handle(.callFailed(id))
        }
    }
}
