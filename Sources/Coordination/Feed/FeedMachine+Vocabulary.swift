extension FeedMachine {
    /// The Redis process behind the control connection.
    public struct Server: Sendable, Equatable {
        public var runID: String
        /// When this worker was first connected to it.
        public var since: LocalTime

        public init(runID: String, since: LocalTime) {
            self.runID = runID
            self.since = since
        }
    }

    /// Something happened.
    public enum Event: Sendable, Equatable {
        /// Placement: this worker's rank for the feed (1 is best), nil when it is none of its business; and the name of another host's worker
        /// that could take it over, if there is one.
        case placed(rank: Int?, alternate: String?)
        /// The owner is about to hand the feed over to this worker: until the time it is watched here, and claimed first, whatever the rank.
        case invited(until: LocalTime)
        /// A poll's answer for this feed arrived now, on the control connection of this number; nil: there is no record. `server` is the process
        /// that answered; without it every record is taken for the newest.
        case observed(LeaseObservation?, connection: Int, server: Server? = nil)
        case controlLost
        /// A wake-up: something changed.
        case woken
        /// A wake-up: the feed was given up, or its holder proved dead, just now. `preferred`: the worker that has a head start.
        case freed(preferred: String?)
        /// The kernel of this host proved the death of an incarnation.
        case deathProved(Incarnation)
        /// The claim was not sent: this worker has no room for the feed. Its observation goes on.
        case claimNotMade
        case acquireReplied(AcquireReply, sentAt: LocalTime)
        /// The acquire got no usable answer.
        case acquireFailed

        /// A renewal of this token was confirmed; it had been sent at this time. `server` is the process that answered.
        case renewed(Token, sentAt: LocalTime, server: Server? = nil)
        case renewRefused(Token)
        case renewFoundNothing(Token)
        /// The directly attached Redis process was proved gone by an attempt sent at this time.
        case outageProved(sentAt: LocalTime)

        /// The reply to `Action.call` of this number.
        case replied(Int, CallReply)
        /// That call got no answer, or one that says nothing was done; it may be repeated.
        case callFailed(Int)
        /// The data connection is up (again).
        case linkUp

        case dialed
        case dialFailed(retryAfter: Duration?)
        /// The websocket ended; nothing more will be received on it.
        case socketEnded(reason: String)
        /// The websocket is usable but should be given up if the pace allows it (bad message, planned reconnect).
        case softError(reason: String)
        /// Data have come in on this websocket: the attempt counts as a success.
        case dataReceived

        /// The publish function refused the token, or found no record.
        case publishFenced
        /// The publish function refused an id; time of the highest id it knows.
        case publishDisordered(topMilliseconds: Int64)

        /// The publish function says that the websocket's end has been recorded already.
        case publishEnded

        /// Give the feed up in order: drain, move, removal.
        case stop(reason: String, preferred: String?)
        /// A time that `wakeAt` named has come.
        case timer
    }

    /// A call on the data connection, in order behind what was published before.
    public enum Call: Sendable, Equatable {
        case gate(Token)
        case retry(Token, wait: Duration)
        case begin(Token, jump: Int)
        case disconnect(Token, hard: Bool, delay: Duration, reason: String)
        case resume(Token, renumber: Bool, floorMilliseconds: Int64, jump: Int)
        case release(Token, delay: Duration, connect: Duration, preferred: String?, reason: String)
    }

    public enum CallReply: Sendable, Equatable {
        case gate(GateReply)
        case retry(RetryReply)
        case begin(BeginReply)
        case disconnect(DisconnectReply)
        case resume(ResumeReply)
        case release(ReleaseReply)
    }

    /// What an acquisition needs that the machine decides.
    public struct Acquisition: Sendable, Equatable {
        public enum Mode: Sendable, Equatable {
            case free
            case seen(renewals: Int, renewedAt: Int64?)
            case dead(Incarnation)

            /// The record as it was observed.
            static func seen(_ record: LeaseObservation) -> Mode { .seen(renewals: record.renewals, renewedAt: record.renewedAt) }
        }

        public var mode: Mode
        /// For whoever decides whether there is room.
        public var vacancy: Vacancy
        public var seenEpoch: Int
        /// Delay if the old holder was live.
        public var delay: Duration
        /// Delay of a first connection, or after a crash while connecting.
        public var connect: Duration
        public var jump: Int
        public var reason: String
    }

    /// Something to do.
    public enum Action: Sendable, Equatable {
        /// Create the record (control connection).
        case initialise
        /// Poll this feed now (control connection).
        case observe
        /// Ask for the lease on the control connection of this number, and on no other.
        case acquire(Acquisition, connection: Int)
        case call(Int, Call)
        /// Renew this lease from now on; it was granted by a call sent at this time.
        case hold(Token, sentAt: LocalTime)
        /// The feed's token is now this one.
        case replaceToken(Token)
        /// Renew nothing for this feed any more.
        case letGo
        case dial
        case cancelDial
        /// The websocket is a new epoch: publish what is received under it.
        case startPublishing(epoch: Int, lastMilliseconds: Int64, redisNow: Int64)
        /// Number what is not stored again under this epoch (`resume` restored the feed), from this sequence of the old one on.
        case renumber(epoch: Int, lastMilliseconds: Int64, redisNow: Int64)
        /// Stop reading, so that nothing is received behind a disconnect that is being asked for.
        case pauseReading
        case resumeReading
        case closeSocket(reason: String)
        /// Close within this time, by reset if need be.
        case closeSocketBy(LocalTime, reason: String)
        /// Send again from this sequence on.
        case rewind(next: Int)
        /// Forget what is not published.
        case dropBuffer(reason: String)
        /// The feed has been given up (after `stop`).
        case finished
        /// For the log: what happened and why.
        case report(Report)
    }

    /// Changes of state that people want to see.
    public enum Report: Sendable, Equatable {
        case acquired(epoch: Int, mode: String, waitMilliseconds: Int64)
        case grantTooLate
        case lost(reason: String)
        case selfFenced
        case resumed(epoch: Int)
        /// A usable websocket is closed, to be replaced by a new one.
        case replaced(reason: String)
        case refusedDisconnect(reason: String, milliseconds: Int64)
        case cooling(milliseconds: Int64)
        case attemptFailed(count: Int, wait: Duration)
        case epochsExhausted
        /// The record may be older than what another server process knew: it is watched first.
        case claimHeldBack
        /// The deadline had passed, but the lease turned out to be still this worker's.
        case regained
    }

    /// Where the feed stands, in the words of section 6 of the contract.
    public enum Phase: String, Sendable {
        case idle, watch, claim, held, dial, begin, live, resuming, ending, fenced, drain, finished
    }
}
