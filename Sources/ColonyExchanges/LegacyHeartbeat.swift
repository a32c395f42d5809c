/// What the original client of 2020 sent to keep a connection alive, byte for byte, by exchange id.
package enum LegacyHeartbeat {
    /// The heartbeat of an exchange id in lower case; nil where that client only answered the server's.
    package static func message(_ id: String, _ context: PingContext) -> OutgoingMessage? {
        switch id {
        case "bybit_swap", "bybit_uswap", "ftx_swap", "ftx_futures", "bitmax": .text(#"{"op": "ping"}"#)
        case "fcoin", "fmex":
            .text(#"{"cmd": "ping", "args": [\#(milliseconds(context))], "id": "\#(context.random % 100_000)"}"#)
        case "gate": .text(#"{"id": \#(context.random % 100_000), "method": "server.ping", "params": []}"#)
        case "gate_swap": .text(#"{"time" : 2020000, "channel" : "futures.ping"}"#)
        case "kraken": .text(#"{"event": "ping"}"#)
        case "liquid": .text(#"{"event": "pusher:ping", "data": {}}"#)
        case "kucoin": .text(#"{"id": \#(context.wallMilliseconds), "type": "ping"}"#)
        // Not JSON; sent so.
        case "bitbank": .text(#"42["message":"ping"]"#)
        case "bitfinex", "bitfinex_swap": .text(#"{"event": "ping","cid": 1234}"#)
        case "huobi", "huobi_futures", "huobi_swap", "huobi_uswap": nil
        default: .ping(Array("ping".utf8))
        }
    }

    private static func milliseconds(_ context: PingContext) -> Int64 {
        // A clock before 1970 or beyond the year 292 million is no clock.
        Int64(exactly: context.wallMilliseconds.rounded(.down)) ?? 0
    }
}
