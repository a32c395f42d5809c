public import NIOCore

/// One message of a channel.
public struct RedisMessage: Sendable, Equatable {
    public var channel: String
    public var payload: ByteBuffer

    public init(channel: String, payload: ByteBuffer) {
        self.channel = channel
        self.payload = payload
    }
}

/// Tells the messages that a subscriber's connection receives from the replies to its calls.
struct RedisSubscription {
    enum Incoming {
        case message(RedisMessage, deliver: @Sendable (RedisMessage) -> Void)
        /// One of several confirmations; the last one is the reply.
        case confirmation
        /// The server unsubscribed us (a cluster moved the slot).
        case ended
        /// The reply to the oldest call.
        case reply
    }

    private var owedConfirmations: Int
    private let onMessage: @Sendable (RedisMessage) -> Void

    init(channelCount: Int, onMessage: @escaping @Sendable (RedisMessage) -> Void) {
        owedConfirmations = channelCount
        self.onMessage = onMessage
    }

    mutating func receive(_ reply: RedisValue) -> Incoming {
        guard case .array(let parts) = reply, parts.count == 3, let kind = parts[0].string else { return .reply }
        switch kind {
        case "message", "smessage":
            guard let channel = parts[1].string, case .bytes(let payload) = parts[2] else { return .reply }
            return .message(RedisMessage(channel: channel, payload: payload), deliver: onMessage)
        case "subscribe", "ssubscribe":
            owedConfirmations -= 1
            return owedConfirmations > 0 ? .confirmation : .reply
        case "unsubscribe", "sunsubscribe": return .ended
        default: return .reply
        }
    }
}
