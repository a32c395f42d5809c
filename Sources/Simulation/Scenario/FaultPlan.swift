import RedisClient

/// Draws what goes wrong in a run. Each run has favourites among the faults, so that combinations of the same few come up often.
enum FaultPlan {
    private enum Kind: CaseIterable {
        case kill, powerLoss, pause, freeze, drain, supervisor, block, pauseThenBlock, cut, slow, restart, lossyRestart, longOutage, flush,
            memory, refuse, stall, redisClock, deleteRecord, deleteStream, writeAhead, close, closeAll, silence, complain, burst,
            refuseConnects, unreachable, move, trap

        /// How often in comparison with the others.
        var weight: Int {
            switch self {
            case .trap: 12
            case .kill, .pause, .block, .cut, .restart, .lossyRestart, .close, .complain: 6
            case .pauseThenBlock, .slow, .drain, .silence, .burst, .move, .stall: 4
            case .flush, .deleteRecord, .writeAhead, .refuse, .memory, .refuseConnects, .unreachable, .powerLoss: 2
            case .supervisor, .freeze, .redisClock, .deleteStream, .closeAll: 1
            case .longOutage: 0
            }
        }
    }

    static func draw(for scenario: Scenario, random: inout SimulationRandom) -> [PlannedFault] {
        var kinds: [Kind] = []
        for kind in Kind.allCases {
            // A quarter of the kinds is off, a quarter is favoured.
            let factor = random.pick([0, 1, 1, 4])
            kinds += Array(repeating: kind, count: kind.weight * factor)
        }
        if kinds.isEmpty { kinds = [.kill, .cut] }
        let mean: Int64 = random.pick([1500, 3000, 6000, 12_000])
        var plan: [PlannedFault] = []
        var at = random.milliseconds(5000, 15_000)
        if random.chance(10), scenario.faulty > 180 * Span.second {
            plan.append(PlannedFault(at: 40 * Span.second, fault: .restart(.nothing, down: random.milliseconds(62_000, 70_000))))
        }
        while at < scenario.faulty {
            let kind = random.pick(kinds)
            if scenario.mutation == .wallClock, random.chance(30) {
                let by = random.milliseconds(1000, 15_000)
                plan.append(
                    PlannedFault(at: at, fault: .wallClockStep(worker: random.below(scenario.workers), by: random.chance(50) ? by : -by)))
            }
            plan.append(PlannedFault(at: at, fault: fault(kind, scenario, &random)))
            // Now and then a quiet while, so that things come to rest.
            at +=
                random.chance(4)
                ? random.milliseconds(20_000, 70_000) : random.chance(20) ? random.milliseconds(0, 300) : random.milliseconds(100, 2 * mean)
        }
        return plan.sorted { $0.at < $1.at }
    }

    private static func fault(_ kind: Kind, _ scenario: Scenario, _ random: inout SimulationRandom) -> Fault {
        let worker = random.below(scenario.workers)
        let feed = random.below(scenario.feeds)
        let restart = random.chance(50) ? random.milliseconds(100, 2000) : random.milliseconds(2000, 20_000)
        switch kind {
        case .kill: return .kill(worker: worker, restartAfter: restart)
        case .powerLoss: return .powerLoss(worker: worker, restartAfter: random.milliseconds(3000, 40_000))
        case .pause:
            return .pause(worker: worker, duration: random.chance(50) ? random.milliseconds(50, 4000) : random.milliseconds(3000, 15_000))
        case .freeze: return .freeze(worker: worker, duration: random.milliseconds(500, 15_000), clockStops: random.chance(50))
        case .drain: return .drain(worker: worker, restartAfter: restart)
        case .supervisor: return .supervisorDown(host: random.below(scenario.hostCount), duration: random.milliseconds(5000, 60_000))
        case .block:
            let ways = random.below(3)
            return .block(
                worker: worker, up: ways != 1, down: ways != 2, duration: random.milliseconds(200, 12_000), isNoticed: random.chance(70))
        case .pauseThenBlock:
            return .pauseThenBlock(worker: worker, pause: random.milliseconds(800, 4300), duration: random.milliseconds(6000, 9000))
        case .cut: return .cut(worker: worker, control: random.chance(60), data: random.chance(60))
        case .slow:
            return .slow(
                worker: worker, by: random.pick([300, 1000, 3000, 6000]) * Span.millisecond, duration: random.milliseconds(1000, 12_000))
        case .restart: return .restart(.nothing, down: random.milliseconds(50, 9000))
        case .lossyRestart:
            return .restart(
                random.chance(12)
                    ? .everything : .tail(random.chance(60) ? random.milliseconds(1, 2000) : random.milliseconds(1000, 30_000)),
                down: random.milliseconds(5, 3000))
        case .longOutage: return .restart(.nothing, down: random.milliseconds(62_000, 70_000))
        case .flush: return .flushAll
        case .memory: return .outOfMemory(duration: random.milliseconds(300, 8000))
        case .refuse:
            return .refuse(
                random.pick([.misconfigured, .noReplicas, .busy, .tryAgain, .loading]), duration: random.milliseconds(300, 7000))
        case .stall: return .stall(duration: random.milliseconds(100, 9000))
        case .redisClock: return .redisClockStep(milliseconds: random.chance(50) ? 20_000 : -20_000)
        case .deleteRecord: return .deleteRecord(feed: feed)
        case .deleteStream: return .deleteStream(feed: feed, stream: random.below(scenario.symbols + 1))
        case .writeAhead: return .writeAhead(feed: feed, stream: 1 + random.below(scenario.symbols))
        case .close: return .closeSocket(feed: feed)
        case .closeAll: return .closeAllSockets
        case .silence: return .silence(feed: feed, noticedAfter: random.milliseconds(1000, 30_000))
        case .complain: return .complain(feed: feed)
        case .burst: return .burst(feed: feed, packets: 20 + random.below(200))
        case .refuseConnects: return .refuseConnects(duration: random.milliseconds(1000, 15_000))
        case .unreachable: return .unreachable(worker: worker, duration: random.milliseconds(5000, 40_000))
        case .move: return .move(feed: feed, to: worker)
        case .trap: return .arm(random.pick(Fault.Trap.allCases), worker: worker)
        }
    }
}
