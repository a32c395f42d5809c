import Coordination

extension SimulatedFeed {
    func dial() {
        generation += 1
        let number = generation
        attempt = number
        socketOpening()
        let worker = worker
        let life = worker.life
        if worker.spring(.dieInDial) {
            worker.run(after: random.milliseconds(1, 60)) { [self] in worker.kill(restartAfter: random.milliseconds(100, 9000), .process) }
        }
        let isHanging = simulation.isFaulty && random.chance(2)
        worker.run(after: random.milliseconds(2, 60)) { [self] in
            guard attempt == number, !isHanging else { return }
            // The request travels.
            simulation.after(random.milliseconds(0, 40)) { [self] in
                guard worker.life == life, attempt == number else { return }
                if worker.exchangeReachableFrom > simulation.now { return }
                if simulation.exchange.isRefusing || (simulation.isFaulty && random.chance(5)) {
                    let retryAfter: Duration? = random.chance(30) ? .seconds(3) : nil
                    worker.run(after: random.milliseconds(0, 40)) { [self] in dialFailed(number, retryAfter) }
                } else {
                    let fresh = simulation.exchange.accept(facts.index, from: worker)
                    opened = fresh
                    fresh.onPacket = { [unowned self] in received($0, on: fresh.number) }
                    worker.run(after: random.milliseconds(0, 40)) { [self] in dialed(number, fresh) }
                }
            }
        }
        worker.run(after: 10 * Span.second) { [self] in dialFailed(number, nil) }
    }

    func cancelDial() {
        attempt = nil
        if let opened { simulation.exchange.close(opened) }
        opened = nil
        // The deadline may pass in the very turn in which the websocket opened: it is still to be closed.
        if socket == nil, closing == nil { socketClosed() }
    }

    private func dialed(_ number: Int, _ fresh: SimulatedExchange.Socket) {
        guard attempt == number else { return simulation.exchange.close(fresh) }
        attempt = nil
        opened = nil
        socket = fresh
        isReading = false
        inbox = []
        fresh.onEnd = { [unowned self, unowned fresh] in socketGone(fresh) }
        handle(.dialed)
        if !fresh.isOpen { socketGone(fresh) }
    }

    private func dialFailed(_ number: Int, _ retryAfter: Duration?) {
        guard attempt == number, opened == nil else { return }
        attempt = nil
        socketClosed()
        handle(.dialFailed(retryAfter: retryAfter))
    }

    // MARK: Receiving

    func resumeReading() {
        guard socket != nil else { return }
        isReading = true
        let due = inbox
        inbox = []
        for packet in due { take(packet) }
        if !due.isEmpty { publisher.send() }
    }

    private func received(_ packet: Int, on number: Int) {
        guard let socket, socket.number == number else {
            // The worker has not heard yet that it is open.
            if opened?.number == number { inbox.append(packet) }
            return
        }
        guard isReading else { return inbox.append(packet) }
        take(packet)
        publisher.send()
    }

    private func take(_ packet: Int) {
        if publisher.receivedOnSocket == 0 { handle(.dataReceived) }
        publisher.append(packet)
    }

    // MARK: Closing

    private func socketOpening() {
        let (worker, name) = (worker, facts.name)
        publisher.receivedOnSocket = 0
        worker.hop { if let actions = worker.keeper.socketOpening(name, now: worker.local) { worker.perform(actions) } }
    }

    func socketClosed() {
        let (worker, name) = (worker, facts.name)
        worker.hop { worker.perform(worker.keeper.socketClosed(name, now: worker.local)) }
    }

    func closeSocket(within limit: Int64) {
        guard let socket else { return }
        self.socket = nil
        closing = socket
        socket.onEnd = nil
        let takes = random.nanoseconds(0, limit)
        worker.run(after: takes) { [self] in
            simulation.exchange.close(socket)
            guard closing === socket else { return }
            closing = nil
            if self.socket == nil, attempt == nil { socketClosed() }
            let due = afterClose
            afterClose = []
            for action in due { action() }
        }
    }

    func whenClosed(_ action: @escaping () -> Void) {
        if closing == nil { action() } else { afterClose.append(action) }
    }

    /// The exchange ended the websocket, or its silence was noticed.
    private func socketGone(_ ended: SimulatedExchange.Socket) {
        guard socket === ended else { return }
        socket = nil
        ended.onEnd = nil
        ended.onPacket = nil
        simulation.exchange.close(ended)
        // What is left in the buffer of the connection is read to its end.
        if isReading { for packet in inbox { publisher.append(packet) } }
        inbox = []
        socketClosed()
        handle(.socketEnded(reason: "closed by the exchange"))
    }

    func complain() { if socket != nil { handle(.softError(reason: "malformed")) } }
}
