internal import CDeadman

/// The dead-man: one kernel timer per process whose signal is SIGKILL, set to the moment up to which the process may keep a websocket open.
///
/// A stopped process closes nothing while its kernel keeps the socket open; the timer ends it before a challenger may connect (rule r7).
/// It does not cover a frozen host or virtual machine. All values of this type drive the same timer; any thread may call them.
public struct Deadman: Sendable {
    /// Off for debuggers: then `arm` and `disarm` do nothing, and a stopped process may leave a second websocket open.
    public let isOn: Bool

    public init(isOn: Bool) { self.isOn = isOn }

    /// Sets the timer to `moment`, whatever it was set to before. A moment in the past kills the process at once.
    ///
    /// Throws `.timer` when the kernel refuses (its limit of queued signals, RLIMIT_SIGPENDING): then no websocket may be opened.
    public func arm(at moment: LocalTime) throws(CoordinationError) {
        guard isOn else { return }
        let code = colony_deadman_arm(moment.nanoseconds)
        guard code == 0 else {
            throw CoordinationError(
                .timer,
                "cannot arm the dead-man timer: \(StateDirectory.text(code)); raise the limit of pending signals (ulimit -i) or switch "
                    + "`deadman` off")
        }
    }

    /// Stops the timer; it can be armed again. Throws `.timer` when the kernel refuses.
    public func disarm() throws(CoordinationError) {
        guard isOn else { return }
        let code = colony_deadman_disarm()
        guard code == 0 else { throw CoordinationError(.timer, "cannot disarm the dead-man timer: \(StateDirectory.text(code))") }
    }
}
