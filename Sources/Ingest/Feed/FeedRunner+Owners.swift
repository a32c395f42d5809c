package import ColonyExchanges
import Coordination
import Logging
package import WebSocketClient

extension FeedRunner: RedisLinkUser {
    package func linkUp() { handle(.linkUp) }
    package func linkLost() {}

    /// Not at the next turn: memory is nearly full now.
    package func retentionChanged(_ step: MemoryGovernor.Step) {
        if step.share < 1 { trim(.now(), share: step.share) }
    }
}

extension FeedRunner: PublisherOwner {
    package func publishFenced() {
        note(.fenced, [("self", .flag(false))])
        handle(.publishFenced)
    }
    package func publishEnded() { handle(.publishEnded) }
    package func publishDisordered(topMilliseconds: Int64) { handle(.publishDisordered(topMilliseconds: topMilliseconds)) }

    package func publishPressure(isHigh: Bool) {
        isPausedByPressure = isHigh
        note(.pressure, [("high", .flag(isHigh))])
        path?.readingPaused(isHigh)
        applyReading()
    }

    package func publishOverflowed() {
        // An order book is better off with a fresh snapshot than with a hole.
        if configuration.overflow == .close { endSocket(reason: "buffer full while Redis was away") }
    }
}

extension FeedRunner: FeedPathOwner {
    package func receivedGreeting() {
        // Of a connection that is being closed nothing is asked any more.
        if socket != nil, configuration.dialect.profile.subscribesAfterGreeting { subscribe() }
    }

    package func receivedData() {
        handle(.dataReceived)
        if !subscriptions.namesStreams { perform(subscriptions.firstUnnamedData(generation: generation, now: .now())) }
    }

    package func received(firstOf topic: Topic) {
        perform(subscriptions.firstData(topic, generation: generation, now: .now()))
    }

    package func received(_ answer: Acknowledgement) {
        perform(subscriptions.acknowledged(answer, generation: generation, now: .now()))
    }

    package func received(_ notice: Notice) {
        logger.notice("Exchange says", metadata: ["kind": "\(notice.kind.rawValue)", "text": "\(notice.text)"])
        switch notice.kind {
        case .reconnect: handle(.softError(reason: "announced by the exchange: \(notice.text)"))
        case .limit: perform(subscriptions.limitReported(generation: generation, now: .now()))
        case .information, .maintenance, .error: break
        }
    }

    package func owes(_ message: OutgoingMessage) {
        transmit(message)
        subscriptions.sentElsewhere(now: .now())
    }

    package func receivedMalformed(_ reason: String, text: String) {
        logger.error(
            "Malformed message", metadata: ["reason": "\(reason)", "last.sent": "\(lastSent)", "last.received": "\(text)"])
        handle(.softError(reason: "malformed message: \(reason)"))
    }

    package func receivedPong() { keepAlive?.pongReceived() }
    package func receivedPing() { subscriptions.sentElsewhere(now: .now()) }

    package func closed(_ reason: WebSocketCloseReason, on path: FeedPath) {
        if path === closing {
            closing = nil
            noteEnd(.closed, of: path, reason: "\(reason)")
            if socket == nil, attempt == nil { control.socketClosed(configuration.feed) }
            let due = afterClose
            afterClose.removeAll()
            for action in due { action() }
            return
        }
        guard path === self.path else { return }
        let text = "\(reason)"
        self.reason = text
        noteEnd(.closed, of: path, reason: text)
        logger.warning(
            "Websocket ended", metadata: ["reason": "\(text)", "last.sent": "\(lastSent)", "last.received": "\(path.lastReceived)"])
        forgetConnection()
        control.socketClosed(configuration.feed)
        handle(.socketEnded(reason: text))
    }
}
