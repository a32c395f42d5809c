import Coordination
import Foundation
import RedisClient
import TestSupport
import Testing

/// The same random calls on the model and on a real server: equal replies, equal keys. `COLONY_DIFFERENTIAL_CALLS` calls from
/// `COLONY_DIFFERENTIAL_SEED` (fixed by default; 0 draws one).
@Suite(.timeLimit(.minutes(60)))
struct DifferentialTests {
    private static func setting(_ name: String, _ fallback: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? fallback
    }

    @Test func theModelAnswersAndStoresWhatARealServerDoes() async throws {
        let wanted = Self.setting("COLONY_DIFFERENTIAL_SEED", 1)
        let seed = UInt64(wanted == 0 ? Int.random(in: 1...1_000_000_000) : wanted)
        let calls = Self.setting("COLONY_DIFFERENTIAL_CALLS", 10_000)
        try await withRedis { redis in
            let store = RedisHistoryStore(try await redis.connect())
            try await FunctionLibrary.clocked.load(on: store.connection)
            var model = FunctionModel()
            var caller = RandomCaller(seed: seed)
            var kinds: Set<String> = []
            for number in 1...calls {
                // Now and then memory is full for a while; the clock, a key like others, stands still then.
                if number % 700 == 600 || number % 700 == 650 { try await Self.fillMemory(number % 700 == 600, store, &model) }
                let call = caller.next(model, timeGoesOn: !model.outOfMemory)
                if !model.outOfMemory { try await store.setClock(caller.now) }
                let real = try await store.call(call)
                let modelled: RedisValue
                do throws(RedisError) { modelled = try model.run(call, now: caller.now) } catch {
                    modelled = .error(.init(text: error.description))
                }
                guard Self.text(real) == Self.text(modelled) else {
                    Issue.record("call \(number) of seed \(seed): \(call)\nserver \(Self.text(real))\nmodel  \(Self.text(modelled))")
                    return
                }
                kinds.formUnion(Self.kinds(call, real))
                for feed in caller.feeds where number % 50 == 0 {
                    let byText = try model.call(ObserveCall(feeds: [feed]), now: caller.now)[0]
                    let typed = model.observe(feed.lease)
                    #expect(byText == typed)
                }
                if number % 500 == 0 || number == calls {
                    let (server, memory) = (try await Self.dump(store), Self.dump(model))
                    guard server == memory else {
                        let difference = server.difference(from: memory)
                        Issue.record("after call \(number) of seed \(seed), last \(call): \(difference)")
                        return
                    }
                }
                if number % 2500 == 0, !model.outOfMemory {
                    // A fresh data set, so that early states are walked often.
                    try await store.reset()
                    model = FunctionModel()
                }
            }
            let missing = DifferentialReplies.all.subtracting(kinds).sorted()
            print("differential: \(calls) calls from seed \(seed), \(kinds.count) kinds of reply, not reached: \(missing)")
            // The rarest need more calls than a short run has.
            #expect(missing.count <= (calls >= 50_000 ? 0 : calls >= 10_000 ? 4 : .max), "not reached from seed \(seed): \(missing)")
            #expect(kinds.isSubset(of: DifferentialReplies.all), "\(kinds.subtracting(DifferentialReplies.all).sorted())")
        }
    }

    @Test func everyReplyOfTheLibraryIsDemanded() {
        let source = FunctionLibrary.colony1.source
        let registered = source.matches(of: #/register\('([a-z]+)'/#).map { String($0.1) }
        #expect(registered.count == 16)
        for function in registered { #expect(DifferentialReplies.all.contains { $0.hasPrefix("\(function) ") }, "\(function)") }
        let refusals = Set(source.matches(of: #/\{ '0', '([A-Z]+)'/#).map { String($0.1) })
        let demanded = Set(DifferentialReplies.all.compactMap { $0.split(separator: " ").last.map { String($0) } })
        #expect(refusals.isSubset(of: demanded), "\(refusals.subtracting(demanded))")
    }

    private static func text(_ value: RedisValue) -> String {
        switch value {
        case .array(let values): "[" + values.map { text($0) }.joined(separator: ", ") + "]"
        // Errors agree in their first word; their texts name different places.
        case .error(let error): error.prefix
        default: value.string ?? "nil"
        }
    }

    private static func fillMemory(_ isFull: Bool, _ store: RedisHistoryStore, _ model: inout FunctionModel) async throws {
        model.outOfMemory = isFull
        _ = try await store.connection.send(["CONFIG", "SET", "maxmemory", isFull ? "1" : "0"], timeout: .seconds(20))
    }

    /// What a reply says, in the words of `DifferentialReplies`.
    private static func kinds(_ call: [RedisArgument], _ reply: RedisValue) -> Set<String> {
        guard case .string(let name) = call[1] else { return ["?"] }
        let function = String(name[name.index(after: name.firstIndex(of: "_") ?? name.startIndex)...])
        if case .error(let error) = reply { return [error.prefix == "ERR" ? "ERR" : "\(function) \(error.prefix)"] }
        let elements = reply.array ?? []
        switch function {
        case "observe": return Set(elements.map { $0.array?.isEmpty == true ? "observe nothing" : "observe record" })
        case "renew": return Set(elements.dropLast().map { "renew \($0.string ?? "?")" })
        case "trim": return ["trim \(elements.first?.string ?? "?")"]
        default: break
        }
        let words = elements.prefix(2).map { $0.string ?? "?" }
        let second = words.count > 1 && !words[1].isEmpty && words[1].allSatisfy(\.isLetter) ? " \(words[1])" : ""
        return ["\(function) \(words.first ?? "?")\(second)"]
    }

    private static func dump(_ model: FunctionModel) -> [String] {
        var lines: [String] = []
        for (key, fields) in model.hashes { for (name, value) in fields { lines.append("\(key) \(name)=\(value)") } }
        for (key, members) in model.scores { for (member, score) in members { lines.append("\(key) \(member)=\(score)") } }
        for (key, stream) in model.streams { lines += dump(key, stream.entries) + ["\(key) top \(top(key, stream.lastGeneratedID))"] }
        return lines.sorted()
    }

    /// Ids of the event log are the server's own.
    private static func dump(_ key: String, _ entries: [StreamModel.Entry]) -> [String] {
        entries.enumerated().map { number, entry in
            let id = key.hasSuffix(":events") ? "\(number)" : entry.id.description
            return "\(key) \(id) \(entry.fields.map { "\($0.name)=\($0.value)" })"
        }
    }

    private static func top(_ key: String, _ id: StreamID) -> String { key.hasSuffix(":events") ? "" : id.description }

    private static func dump(_ store: RedisHistoryStore) async throws -> [String] {
        var lines: [String] = []
        func send(_ arguments: RedisArgument...) async throws -> RedisValue {
            try await store.connection.send(arguments, timeout: .seconds(20))
        }
        for key in try await send("KEYS", "test:{*").array ?? [] {
            let name = key.string ?? "?"
            switch try await send("TYPE", .string(name)).string {
            case "hash":
                for (field, value) in RedisHistoryStore.hash(try await send("HGETALL", .string(name))) {
                    lines.append("\(name) \(field)=\(value)")
                }
            case "zset":
                let members = RedisHistoryStore.hash(try await send("ZRANGE", .string(name), "0", "-1", "WITHSCORES"))
                for (member, score) in members { lines.append("\(name) \(member)=\(score)") }
            default:
                let facts = try await send("XINFO", "STREAM", .string(name)).array ?? []
                let at = facts.firstIndex { $0.string == "last-generated-id" } ?? 0
                let last = StreamID(facts[at + 1].string ?? "") ?? .zero
                lines += dump(name, RedisHistoryStore.entries(try await send("XRANGE", .string(name), "-", "+")))
                lines.append("\(name) top \(top(name, last))")
            }
        }
        return lines.sorted()
    }
}
