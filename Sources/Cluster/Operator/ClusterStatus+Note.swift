import Coordination

extension ClusterStatus {
    /// What a person should know of a feed that has no websocket: what it waits for, and why the last one ended or did not come about. Empty
    /// while it is live.
    public func note(of feed: Feed) -> String {
        let wait = wait(of: feed)
        if feed.phase == "live", !feed.holder.isEmpty { return "" }
        return [wait, feed.reason].filter { !$0.isEmpty }.joined(separator: ": ")
    }

    private func wait(of feed: Feed) -> String {
        let seconds = (feed.pendingMilliseconds + 999) / 1000
        let cooling = feed.pending == "cooling" ? "cooling \(seconds) s" : ""
        if feed.holder.isEmpty { return [vacancy(feed), cooling].filter { !$0.isEmpty }.joined(separator: ", ") }
        if feed.pending == "due", feed.phase != "connecting" { return "connects in \(seconds) s" }
        return cooling
    }

    /// Between two workers a feed is free for a moment; that is no matter.
    private func vacancy(_ feed: Feed) -> String {
        if !workers.contains(where: \.isReady) { return "no worker is ready" }
        guard let free = feed.freeMilliseconds else { return "not taken yet" }
        return free < 2000 ? "free" : "nobody has taken it for \(free / 1000) s"
    }
}

extension ClusterStatus.Worker {
    /// It beats, and takes feeds.
    public var isReady: Bool { state == "ready" && beatAgeMilliseconds < 5000 }
}
