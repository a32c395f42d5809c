package import RedisClient

/// Something that goes wrong at a time of the plan.
package enum Fault: Sendable, Equatable {
    // Processes and hosts.
    case kill(worker: Int, restartAfter: Int64)
    /// The whole host loses power: nothing is closed, nobody hears of it.
    case powerLoss(worker: Int, restartAfter: Int64)
    case pause(worker: Int, duration: Int64)
    /// A virtual machine stands still, its kernel too; its clock goes on or not.
    case freeze(worker: Int, duration: Int64, clockStops: Bool)
    case drain(worker: Int, restartAfter: Int64)
    case supervisorDown(host: Int, duration: Int64)
    case wallClockStep(worker: Int, by: Int64)
    // The network to Redis.
    case block(worker: Int, up: Bool, down: Bool, duration: Int64, isNoticed: Bool)
    /// An answer is read late, and nothing gets through behind it.
    case pauseThenBlock(worker: Int, pause: Int64, duration: Int64)
    case cut(worker: Int, control: Bool, data: Bool)
    case slow(worker: Int, by: Int64, duration: Int64)
    // Redis.
    case restart(Loss, down: Int64)
    case flushAll
    case outOfMemory(duration: Int64)
    case refuse(RedisError.Code, duration: Int64)
    case stall(duration: Int64)
    case redisClockStep(milliseconds: Int64)
    case deleteRecord(feed: Int)
    case deleteStream(feed: Int, stream: Int)
    case writeAhead(feed: Int, stream: Int)
    // The exchange.
    case closeSocket(feed: Int)
    case closeAllSockets
    /// The websocket is dead without a FIN; the silence is noticed after a while.
    case silence(feed: Int, noticedAfter: Int64)
    case complain(feed: Int)
    case burst(feed: Int, packets: Int)
    case refuseConnects(duration: Int64)
    case unreachable(worker: Int, duration: Int64)
    // Placement.
    case move(feed: Int, to: Int)
    // Moments that random times would hardly ever hit: armed now, and met the next time there.
    case arm(Trap, worker: Int)

    /// What a server that comes up again has lost.
    package enum Loss: Sendable, Equatable {
        case nothing
        case everything
        /// The last so many nanoseconds.
        case tail(Int64)
    }

    package enum Trap: CaseIterable, Sendable, Equatable {
        /// The process dies while its websocket is being opened.
        case dieInDial
        /// The process dies behind the send of the next begin.
        case dieInBegin
        /// The process dies soon after a grant, before it connects.
        case dieInHeld
        /// The process stops right behind the send of an acquire, for longer than the grant is good.
        case pauseAfterAcquire
        /// The connection breaks behind the next acquire, begin, disconnect or resume, before its reply.
        case loseAcquireReply, loseBeginReply, loseResumeReply, loseDisconnectReply, loseReleaseReply
        /// The server is replaced by one that has not heard of the next GO, or grant.
        case loseGo, loseGrant
        /// The process stops right behind the send of a renewal, and nothing gets through when it goes on.
        case pauseAfterRenew
        /// The next poll arrives late, and whoever holds what it asks for is cut off then.
        case slowPoll
        /// The next takeover by observation arrives late, while whoever was cut off is reached again.
        case slowTakeover
    }
}

/// A fault and its time, nanoseconds from the start.
package struct PlannedFault: Sendable, Equatable {
    package var at: Int64
    package var fault: Fault

    package init(at: Int64, fault: Fault) {
        self.at = at
        self.fault = fault
    }
}

extension PlannedFault: CustomStringConvertible {
    package var description: String { "\(at / Span.millisecond) ms: \(fault)" }
}
