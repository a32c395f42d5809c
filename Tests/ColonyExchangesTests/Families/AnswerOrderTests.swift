import ColonyExchanges
import Testing

/// Exchanges whose refusals name nothing answer in the order of the requests.
@Suite("Answers that name nothing")
struct AnswerOrderTests {
    @Test("FTX refuses the oldest request that was not accepted")
    func ftx() throws {
        var connection = try Connection("ftx_swap")
        _ = try connection.subscribe(Topic("trade", "A"), Topic("trade", "B"), Topic("trade", "C"))
        #expect(
            connection.read(#"{"type":"subscribed","channel":"trades","market":"A"}"#)
                == .ack(Acknowledgement(.accepted, topics: [Topic("trade", "A")])))
        let refusal = #"{"type":"error","code":404,"msg":"No such market"}"#
        #expect(connection.read(refusal) == .ack(Acknowledgement(.rejected("404 No such market"), topics: [Topic("trade", "B")])))
        #expect(connection.read(refusal) == .ack(Acknowledgement(.rejected("404 No such market"), topics: [Topic("trade", "C")])))
        #expect(connection.read(refusal) == .ack(Acknowledgement(.rejected("404 No such market"))))
    }

    @Test("Bitstamp refuses the oldest request that was not accepted")
    func bitstamp() throws {
        var connection = try Connection("bitstamp")
        _ = try connection.subscribe(Topic("trade", "a"), Topic("book", "b"))
        _ = connection.read(#"{"event":"bts:subscription_succeeded","channel":"live_trades_a","data":{}}"#)
        let refusal = #"{"event":"bts:error","channel":"","data":{"code":4009,"message":"Bad subscription string."}}"#
        #expect(connection.read(refusal) == .ack(Acknowledgement(.rejected("4009 Bad subscription string."), topics: [Topic("book", "b")])))
    }

    @Test("MEXC's futures accept by method and refuse by symbol or in order")
    func mexcSwap() throws {
        var connection = try Connection("mexc_swap")
        let topics = ["A", "B", "C", "D"].map { Topic("trade", $0) }
        _ = try connection.subscribe(topics[0], Topic("ticker", "A"), topics[1], topics[2], topics[3])
        #expect(
            connection.read(#"{"channel":"rs.sub.ticker","data":"success"}"#)
                == .ack(Acknowledgement(.accepted, topics: [Topic("ticker", "A")])))
        #expect(
            connection.read(#"{"channel":"rs.error","data":"Contract [B] not exists"}"#)
                == .ack(Acknowledgement(.rejected("Contract [B] not exists"), topics: [topics[1]])))
        #expect(
            connection.read(#"{"channel":"rs.sub.deal","data":"success"}"#) == .ack(Acknowledgement(.accepted, topics: [topics[0]])))
        #expect(
            connection.read(#"{"channel":"rs.error","data":"busy"}"#) == .ack(Acknowledgement(.rejected("busy"), topics: [topics[2]])))
        _ = connection.unsubscribe(topics[0])
        #expect(
            connection.read(#"{"channel":"rs.unsub.deal","data":"success"}"#)
                == .ack(Acknowledgement(.accepted, topics: [topics[0]], isUnsubscription: true)))
    }

    @Test("the requests a reader remembers are bounded: the oldest is forgotten")
    func bound() throws {
        var connection = try Connection("bitstamp")
        for index in 0...1024 {
            connection.send([Request(id: nil, topics: [Topic("trade", "\(index)")], message: .text(""))])
        }
        let refusal = #"{"event":"bts:error","channel":"","data":{"code":1,"message":"x"}}"#
        #expect(connection.read(refusal) == .ack(Acknowledgement(.rejected("1 x"), topics: [Topic("trade", "1")])))
    }
}
