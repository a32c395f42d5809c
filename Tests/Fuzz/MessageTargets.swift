import NIOCore

@testable import ColonyExchanges
@testable import RedisClient

extension FuzzTarget {
    private static let samples = [
        #"{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT","p":"43210.5","T":1763812345678}}"#,
        #"{"ch":"market.btcusdt.trade.detail","ts":1763812345678,"tick":{"data":[{"id":1,"price":2.5e-3}]}}"#,
        #"[340,[[1,-2.5,null,true,false]],"trade","XBT/USD"]"#, #"{"op":"subscribe","success":false,"ret_msg":"a\"\u00e9\\b","args":[]}"#,
        #"{"topic":"/market/match:BTC-USDT","type":"message","subject":"trade.l3match","data":{"a":{}}}"#, "pong", #"{"ping":18212558000}"#,
    ]

    /// Lenient and strict scans of several shapes: values lie in the message, and what a strict scan accepts a lenient one reads alike.
    static let fields = FuzzTarget(name: "fields", seeds: samples.map { Array($0.utf8) }) { input in
        exactly(input) { message in
            for paths in shapes {
                let lenient = FieldScanner(paths: paths).scan(message)
                let strict = FieldScanner(paths: paths, strict: true).scan(message)
                for index in paths.indices {
                    if let value = lenient[index] {
                        precondition(
                            value.start >= 0 && value.start <= value.end && value.end <= message.count, "a value outside the message")
                    }
                    if strict.problem == nil {
                        precondition(lenient.problem == nil && lenient[index] == strict[index], "strict and lenient differ")
                    }
                }
                precondition(lenient.position >= 0 && lenient.position <= message.count)
            }
        }
    }

    private static let shapes: [[FieldPath]] = ["e,data.s,ts,tick.data[0].id", "[0],[2],[3],[-1]", "topic,data[].s,args[-1]"].map { list in
        list.split(separator: ",").map { text in
            do throws(DialectError) { return try FieldPath(parsing: String(text)) } catch { preconditionFailure("\(error)") }
        }
    }

    /// Every dialect's reader: the first byte chooses the exchange, the second whether the message is text.
    static let dialects = FuzzTarget(
        name: "dialects",
        seeds: Exchanges.all.indices.flatMap { number in samples.map { [UInt8(number), 1] + Array($0.utf8) } }
    ) { input in
        guard input.count >= 2 else { return }
        let dialect = Exchanges.all[Int(input[0]) % Exchanges.all.count]
        var reader = dialect.openReader()
        exactly(UnsafeRawBufferPointer(rebasing: input[2...])) { message in
            // Twice: readers learn from what they read.
            for _ in 0..<2 {
                guard case .packet(let route) = reader.read(message, isText: input[1] & 1 == 1) else { continue }
                for range in [route.first, route.second] {
                    precondition(
                        range.lowerBound >= 0 && range.upperBound <= message.count, "\(dialect.profile.id) routes by bytes outside")
                }
                _ = reader.topic(of: route, in: message)
            }
        }
    }

    static let replies = FuzzTarget(
        name: "replies",
        seeds: ["+OK\r\n", "-ERR no\r\n", ":42\r\n", "$3\r\nabc\r\n", "*2\r\n$1\r\na\r\n*-1\r\n", "$-1\r\n", "*1\r\n*1\r\n*0\r\n"].map {
            [3] + Array($0.utf8)
        }
    ) { input in
        guard let input = CutInput(input) else { return }
        func read(_ feed: (RedisReplyReader) throws(RedisReplyReader.Failure) -> Void) -> Bool {
            let reader = RedisReplyReader(maximumReplyBytes: 4096, maximumReplyElements: 64)
            do throws(RedisReplyReader.Failure) {
                try feed(reader)
                return true
            } catch { return false }
        }
        var (whole, cut): ([RedisValue], [RedisValue]) = ([], [])
        let all = ByteBuffer(bytes: input.bytes)
        let isWhole = read { reader throws(RedisReplyReader.Failure) in
            try reader.read(all) {
                whole.append($0)
                return true
            }
        }
        var pieces: [ByteBuffer] = []
        input.forEachPiece {
            pieces.append(ByteBuffer(bytes: $0))
            return true
        }
        let isCut = read { reader throws(RedisReplyReader.Failure) in
            for piece in pieces {
                try reader.read(piece) {
                    cut.append($0)
                    return true
                }
            }
        }
        precondition(isWhole == isCut && "\(whole)" == "\(cut)", "in one piece: \(whole)\nin many: \(cut)")
    }
}
