import Coordination
import Ingest
import NIOCore
import RedisClient

/// What workers ask of Redis; the number is the feed's.
enum Request {
    case initialise(Int, InitCall)
    case observe([Int])
    case renew(RenewCall, [Int])
    case acquire(Int, AcquireCall)
    case gate(Int, GateCall)
    case retry(Int, RetryCall)
    case begin(Int, BeginCall)
    case publish(Int, Token, header: ByteBuffer, body: ByteBuffer)
    case lost(Int, LostCall)
    case disconnect(Int, DisconnectCall)
    case release(Int, ReleaseCall)
    case resume(Int, ResumeCall)
    case beat(BeatCall)
    case members

    /// Allowed where writes are refused.
    var isRead: Bool {
        switch self {
        case .observe, .members: true
        default: false
        }
    }

    /// The feed and token it needs.
    var shown: (feed: Int, token: Token)? {
        switch self {
        case .gate(let feed, let call): (feed, call.token)
        case .retry(let feed, let call): (feed, call.token)
        case .begin(let feed, let call): (feed, call.token)
        case .publish(let feed, let token, _, _): (feed, token)
        case .lost(let feed, let call): (feed, call.token)
        case .disconnect(let feed, let call): (feed, call.token)
        case .release(let feed, let call): if case .clean(let token) = call.proof { (feed, token) } else { nil }
        case .initialise, .observe, .renew, .acquire, .resume, .beat, .members: nil
        }
    }
}

enum Reply {
    case initialised
    case observed([LeaseObservation?])
    case renewed(RenewReply)
    case acquired(AcquireReply)
    case feed(FeedMachine.CallReply)
    case published(PublishReply)
    case lost(LostReply)
    /// The members that are silent for 3 s, and when each group's last disconnect was admitted, come with the beat.
    case beat(BeatReply, silent: [Incarnation], admitted: [Int64?])
    case members([Member], version: Int)
}
