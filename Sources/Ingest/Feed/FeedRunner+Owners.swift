import Coordination

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
        applyReading()
    }

    package func publishOverflowed() {
        // An order book is better off with a fresh snapshot than with a hole.
        if configuration.overflow == .close { endSocket(reason: "buffer full while Redis was away") }
    }
}
