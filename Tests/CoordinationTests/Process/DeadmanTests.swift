import Coordination
import Glibc
import Testing

/// Blocks the thread in the kernel until a signal ends the process, or the time is over.
private func wait(milliseconds: CInt) {
    var descriptors: [CInt] = [0, 0]
    guard pipe(&descriptors) == 0 else { exit(3) }
    var waited = pollfd(fd: descriptors[0], events: Int16(POLLIN), revents: 0)
    poll(&waited, 1, milliseconds)
}

@Suite struct DeadmanTests {
    @Test(.timeLimit(.minutes(1)))
    func `a process is killed at the armed moment`() async {
        await #expect(processExitsWith: .signal(SIGKILL)) {
            try Deadman(isOn: true).arm(at: .now() + .milliseconds(100))
            wait(milliseconds: 20_000)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a stopped process is killed at the armed moment`() async {
        await #expect(processExitsWith: .signal(SIGKILL)) {
            try Deadman(isOn: true).arm(at: .now() + .milliseconds(200))
            raise(SIGSTOP)
            // Only a process that was continued instead of killed gets here.
            exit(4)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a moment in the past kills at once`() async {
        await #expect(processExitsWith: .signal(SIGKILL)) {
            try Deadman(isOn: true).arm(at: LocalTime(nanoseconds: -5))
            wait(milliseconds: 20_000)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `arming again replaces the moment, later or earlier`() async {
        await #expect(processExitsWith: .exitCode(7)) {
            let deadman = Deadman(isOn: true)
            try deadman.arm(at: .now() + .milliseconds(700))
            try deadman.arm(at: .now() + .seconds(600))
            wait(milliseconds: 900)
            exit(7)
        }
        await #expect(processExitsWith: .signal(SIGKILL)) {
            let deadman = Deadman(isOn: true)
            try deadman.arm(at: .now() + .seconds(600))
            try deadman.arm(at: .now() + .milliseconds(50))
            wait(milliseconds: 20_000)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a disarmed timer does not kill, and can be armed again`() async {
        await #expect(processExitsWith: .exitCode(7)) {
            let deadman = Deadman(isOn: true)
            try deadman.disarm()
            try deadman.arm(at: .now() + .milliseconds(700))
            try deadman.disarm()
            wait(milliseconds: 900)
            exit(7)
        }
        await #expect(processExitsWith: .signal(SIGKILL)) {
            let deadman = Deadman(isOn: true)
            try deadman.arm(at: .now() + .seconds(600))
            try deadman.disarm()
            try deadman.arm(at: .now() + .milliseconds(50))
            wait(milliseconds: 20_000)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `switched off it never kills`() async {
        await #expect(processExitsWith: .exitCode(7)) {
            let deadman = Deadman(isOn: false)
            try deadman.arm(at: LocalTime(nanoseconds: 1))
            wait(milliseconds: 200)
            try deadman.disarm()
            exit(7)
        }
    }
}
