import Coordination

/// The exchange: accepts websockets or not, sends numbered packets, ends sockets, and counts the open ones of each feed in true time.
final class SimulatedExchange {
    final class Socket {
        let number: Int
        let feed: Int
        unowned let worker: SimulatedWorker
        let life: Int
        let owner: String
        /// Packets sent on it.
        var sent: Int32 = 0
        /// Counts at the exchange as an open websocket.
        var isOpen = true
        /// Packets and the end travel in order.
        var lastArrival: Int64 = 0
        var onPacket: ((Int) -> Void)?
        var onEnd: (() -> Void)?

        init(number: Int, feed: Int, worker: SimulatedWorker) {
            self.number = number
            self.feed = feed
            self.worker = worker
            life = worker.life
            owner = worker.incarnation.text
        }
    }

    struct Packet {
        var feed: Int16
        var stream: Int16
        var socket: Int32
        /// From 1 on within its socket.
        var index: Int32
    }

    private unowned let simulation: Simulation
    private var random: SimulationRandom
    private(set) var open: [[Socket]]
    private(set) var isRefusing = false
    /// The incarnation behind each websocket ever opened, by its number.
    private(set) var owners: ContiguousArray<String> = [""]
    private(set) var packets: ContiguousArray<Packet> = [Packet(feed: -1, stream: 0, socket: 0, index: 0)]
    /// How often placement has moved each feed.
    var moves: [Int]
    /// When placement last moved a feed.
    var lastMove = Int64.min / 2
    /// Placement moved a feed after the healing: a holder may change without a fault.
    var hasMoved = false

    init(_ simulation: Simulation) {
        self.simulation = simulation
        random = SimulationRandom(seed: simulation.scenario.seed, stream: 2)
        open = Array(repeating: [], count: simulation.feeds.count)
        moves = Array(repeating: 0, count: simulation.feeds.count)
    }

    func refuse(for duration: Int64) {
        isRefusing = true
        simulation.after(duration) { [self] in isRefusing = false }
    }

    func heal() { isRefusing = false }

    func tearDown() { open = [] }

    func accept(_ feed: Int, from worker: SimulatedWorker) -> Socket {
        let socket = Socket(number: owners.count, feed: feed, worker: worker)
        owners.append(socket.owner)
        open[feed].append(socket)
        simulation.log("exchange opens websocket \(socket.number) of \(simulation.feeds[feed].name) for \(worker.name)")
        checkAlone(feed)
        nextPacket(of: socket)
        return socket
    }

    /// S4.
    private func checkAlone(_ feed: Int) {
        let sockets = open[feed]
        guard sockets.count > 1 else { return }
        guard !sockets.contains(where: { $0.worker.isBeyondAssumptions }) else { return simulation.reach(.overlapExcused) }
        simulation.fail("S4", "\(simulation.feeds[feed].name) has \(sockets.count) open websockets: \(sockets.map(\.worker.name))")
    }

    /// Gone, whoever closed it.
    func close(_ socket: Socket) {
        guard socket.isOpen else { return }
        socket.isOpen = false
        socket.onPacket = nil
        open[socket.feed].removeAll { $0 === socket }
        simulation.log("websocket \(socket.number) of \(simulation.feeds[socket.feed].name) at \(socket.worker.name) is closed")
    }

    /// The exchange ends the websocket; the worker hears of it behind the packets.
    func end(_ socket: Socket) {
        guard socket.isOpen else { return }
        arrive(socket) { [socket] in
            let action = socket.onEnd
            socket.onEnd = nil
            action?()
        }
        socket.isOpen = false
        open[socket.feed].removeAll { $0 === socket }
        simulation.log("the exchange ends websocket \(socket.number) of \(simulation.feeds[socket.feed].name)")
    }

    /// The peer has gone without a FIN; nothing comes any more.
    func vanish(_ socket: Socket) {
        guard socket.isOpen else { return }
        socket.isOpen = false
        open[socket.feed].removeAll { $0 === socket }
        simulation.log("websocket \(socket.number) of \(simulation.feeds[socket.feed].name) falls silent")
    }

    // MARK: Packets

    private func nextPacket(of socket: Socket) {
        simulation.after(random.milliseconds(50, simulation.scenario.packetEvery)) { [self, socket] in
            guard socket.isOpen else { return }
            send(on: socket)
            nextPacket(of: socket)
        }
    }

    private func send(on socket: Socket) {
        let number = packets.count
        socket.sent += 1
        // One in ten belongs to no symbol.
        let stream = random.below(10) == 0 ? 0 : 1 + random.below(simulation.scenario.symbols)
        packets.append(
            Packet(feed: Int16(socket.feed), stream: Int16(stream), socket: Int32(socket.number), index: socket.sent))
        arrive(socket) { [socket] in socket.onPacket?(number) }
    }

    func burst(_ feed: Int, packets count: Int) {
        guard let socket = open[feed].last else { return }
        for _ in 0..<count { send(on: socket) }
    }

    private func arrive(_ socket: Socket, _ action: @escaping () -> Void) {
        socket.lastArrival = max(socket.lastArrival, simulation.now + random.nanoseconds(Span.millisecond, 40 * Span.millisecond))
        let (worker, life) = (socket.worker, socket.life)
        simulation.after(socket.lastArrival - simulation.now) {
            guard worker.life == life else { return }
            worker.run(after: 0, action)
        }
    }
}
