extension Simulation {
    func inject(_ fault: Fault, _ number: Int) {
        guard isFaulty else { return }
        log("FAULT \(fault)")
        switch fault {
        case .kill(let worker, let restart): workers[worker].kill(restartAfter: restart, .process)
        case .powerLoss(let worker, let restart):
            for other in workers where other.host === workers[worker].host { other.kill(restartAfter: restart, .power) }
        case .pause(let worker, let duration): workers[worker].pause(for: duration)
        case .freeze(let worker, let duration, let clockStops): workers[worker].freeze(for: duration, clockStops: clockStops)
        case .drain(let worker, let restart): workers[worker].drain(restartAfter: restart)
        case .supervisorDown(let host, let duration):
            hosts[host].isUp = false
            after(duration) { [self] in hosts[host].isUp = true }
        case .wallClockStep(let worker, let by): workers[worker].setClock(by: by)
        case .block(let worker, let up, let down, let duration, let isNoticed):
            workers[worker].block(up: up, down: down, for: duration, isNoticed: isNoticed)
        case .pauseThenBlock(let worker, let pause, let duration):
            let worker = workers[worker]
            worker.pause(for: pause)
            after(pause + 20 * Span.millisecond) { worker.block(up: true, down: true, for: duration, isNoticed: true) }
        case .cut(let worker, let control, let data):
            if control { workers[worker].control?.cut() }
            if data { workers[worker].data?.cut() }
        case .slow(let worker, let by, let duration):
            let worker = workers[worker]
            worker.network.slow = by
            after(duration) { worker.network.slow = 0 }
        case .restart(let loss, let down): redis.restart(loss, down: down, capture: number)
        case .flushAll: redis.flush()
        case .outOfMemory(let duration): redis.runOutOfMemory(for: duration)
        case .refuse(let code, let duration): redis.refuse(code, for: duration)
        case .stall(let duration): redis.stall(for: duration)
        case .redisClockStep(let milliseconds): redis.stepClock(by: milliseconds)
        case .deleteRecord(let feed): redis.deleteRecord(feed)
        case .deleteStream(let feed, let stream): redis.deleteStream(feed, stream)
        case .writeAhead(let feed, let stream): redis.writeAhead(feed, stream)
        case .closeSocket(let feed): for socket in exchange.open[feed] { exchange.end(socket) }
        case .closeAllSockets: for feed in feeds.indices { for socket in exchange.open[feed] { exchange.end(socket) } }
        case .silence(let feed, let noticedAfter):
            for socket in exchange.open[feed] {
                exchange.vanish(socket)
                socket.worker.run(after: noticedAfter) { socket.onEnd?() }
            }
        case .complain(let feed): for worker in workers where worker.isAlive { worker.feeds[feed].complain() }
        case .burst(let feed, let count): exchange.burst(feed, packets: count)
        case .refuseConnects(let duration): exchange.refuse(for: duration)
        case .unreachable(let worker, let duration):
            let worker = workers[worker]
            worker.exchangeReachableFrom = now + duration
        case .move(let feed, let target):
            for worker in workers where worker.isAlive && worker.index != target {
                worker.run(after: 0) { [unowned self] in
                    // An operator who forces it, and now and then one who does not.
                    worker.handOver(feed, to: workers[target].name, reason: "move", isForced: !worker.random.chance(30))
                }
            }
        case .arm(let trap, let worker): workers[worker].traps.append(trap)
        }
    }
}
