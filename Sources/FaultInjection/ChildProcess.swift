internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// A child process with its output (stdout and stderr together) kept and searchable. Killed when our process dies, however it dies.
package final class ChildProcess: Sendable {
    package enum Exit: Sendable, Equatable {
        case code(Int32)
        case signal(Int32)
    }

    private enum State {
        case running
        case exited
    }

    package let pid: Int32
    package let output: ProcessOutput
    private let state = Mutex(State.running)
    private let exit: EventLoopFuture<Exit>

    /// Finds `executable` on the PATH unless it has a slash; `environment` nil: ours.
    package static func spawn(
        _ executable: String, _ arguments: [String] = [], environment: [String: String]? = nil
    ) async throws -> ChildProcess {
        let (reading, writing) = try closeOnExecPair()
        let pid: pid_t
        do {
            defer { close(writing) }
            pid = try posixSpawn(executable, arguments, environment: environment, input: nil, output: writing)
        } catch {
            close(reading)
            throw error
        }
        try OrphanGuard.shared.adopt(pid)
        return ChildProcess(pid: pid, output: try await ProcessOutput.follow(reading))
    }

    private init(pid: Int32, output: ProcessOutput) {
        self.pid = pid
        self.output = output
        let ended = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: Exit.self)
        self.exit = ended.futureResult
        // A thread of its own, since it blocks for the child's whole life.
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        thread.submit { _ in
            ended.succeed(self.reap())
            thread.shutdownGracefully { _ in }
        }
    }

    /// Does nothing once the process has ended. True if it was sent.
    @discardableResult
    package func signal(_ number: Int32) -> Bool {
        // Under the lock the child is not reaped, so its pid cannot belong to anybody else.
        state.withLock { state in
            switch state {
            case .running: kill(pid, number) == 0
            case .exited: false
            }
        }
    }

    /// Cancellation kills the child.
    package func waitForExit() async throws -> Exit {
        try await withTaskCancellationHandler {
            try await exit.get()
        } onCancel: {
            signal(SIGKILL)
        }
    }

    private func reap() -> Exit {
        var information = siginfo_t()
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        return state.withLock { state in
            var status: Int32 = 0
            while waitpid(pid, &status, 0) == -1, errno == EINTR {}
            state = .exited
            OrphanGuard.shared.release(pid)
            return status & 0x7F == 0 ? .code(status >> 8 & 0xFF) : .signal(status & 0x7F)
        }
    }
}

/// Two ends of a stream that other children do not inherit. A socket pair, since only that can be made close-on-exec in one step from Swift.
func closeOnExecPair() throws -> (ours: CInt, theirs: CInt) {
    var ends: [CInt] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
        throw FaultInjectionError(.system, "no socket pair: errno \(errno)")
    }
    return (ends[0], ends[1])
}

/// glibc's `posix_spawn_file_actions_addclosefrom_np`, which its module does not show; nil before glibc 2.34.
private let closeFrom: (@convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, CInt) -> CInt)? =
    dlsym(nil, "posix_spawn_file_actions_addclosefrom_np").map {
        unsafeBitCast($0, to: (@convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, CInt) -> CInt).self)
    }

/// Starts a program; `input` nil: /dev/null; `output` takes stdout and stderr.
func posixSpawn(
    _ executable: String, _ arguments: [String], environment: [String: String]?, input: CInt?, output: CInt
) throws -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input {
        posix_spawn_file_actions_adddup2(&actions, input, 0)
    } else {
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, output, 2)
    // Accepted sockets are not close-on-exec: a child that has one keeps it open when we close it, and the other end hears nothing.
    _ = closeFrom?(&actions, 3)

    // Threads of the concurrency runtime block signals, and children inherit that: give them a clean slate.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var (none, all) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var words: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var variables: [UnsafeMutablePointer<CChar>?] = (environment ?? [:]).map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for variable in variables { free(variable) } }

    var pid: pid_t = 0
    let failure =
        environment == nil
        ? posix_spawnp(&pid, executable, &actions, &attributes, &words, environ)
        : posix_spawnp(&pid, executable, &actions, &attributes, &words, &variables)
    guard failure == 0 else { throw FaultInjectionError(.start, "\(executable) could not be started: errno \(failure); is it installed?") }
    return pid
}
