/// Translates Redis' and wall clock milliseconds into boot time, from the samples of a recording.
struct ClockMap {
    private struct Sample {
        var redisMicroseconds: Int64
        var boot: Int64
    }

    private var samples: [Sample] = []
    /// Boot minus wall time, nanoseconds, as the truth's own lines tell.
    private var wallOffset: Int64?
    /// Steps of Redis' clock of more than a second that the samples show.
    private(set) var steps = 0
    private static let capacity = 100_000

    init() {}

    mutating func addRedis(microseconds: Int64, boot: Int64) {
        if let last = samples.last {
            let drift = (boot - last.boot) - (microseconds - last.redisMicroseconds) * 1000
            if abs(drift) > 1_000_000_000 { steps += 1 }
            // A clock that only went on says nothing new.
            if abs(drift) < 200_000, samples.count > 1 { return }
        }
        if samples.count < Self.capacity { samples.append(Sample(redisMicroseconds: microseconds, boot: boot)) }
    }

    mutating func addWall(milliseconds: Int64, boot: Int64) {
        if wallOffset == nil { wallOffset = boot - milliseconds * 1_000_000 }
    }

    var isEmpty: Bool { samples.isEmpty && wallOffset == nil }

    /// Boot time of a moment on Redis' clock; nil without any sample.
    func boot(redisMilliseconds: Int64) -> Int64? {
        guard !samples.isEmpty else { return wallOffset.map { redisMilliseconds * 1_000_000 + $0 } }
        let wanted = redisMilliseconds * 1000
        var low = 0
        var high = samples.count
        while low < high {
            let middle = (low + high) / 2
            if samples[middle].redisMicroseconds <= wanted { low = middle + 1 } else { high = middle }
        }
        let sample = samples[max(0, low - 1)]
        return sample.boot + (wanted - sample.redisMicroseconds) * 1000
    }

    /// Boot time of a worker's wall clock.
    func boot(wallNanoseconds: Int64) -> Int64? {
        wallOffset.map { wallNanoseconds + $0 } ?? boot(redisMilliseconds: wallNanoseconds / 1_000_000)
    }
}
