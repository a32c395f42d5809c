/// Judges a recording by the invariants of the contract's section 16.2. Linear in time; memory does not grow with the number of packets.
package enum HistoryChecker {
    package struct Options: Sendable {
        /// The pace of budget groups that no worker's journal tells of, milliseconds.
        package var paceMilliseconds: Int64 = 60_000
        /// Rules whose breaches are told, but not counted as broken (a drill that breaks an assumption on purpose).
        package var excused: Set<HistoryRule> = []
        /// Violations told per rule; the others are counted.
        package var toldPerRule = 10
        /// A socket may live so long beyond what its lease allowed, and workers' lines be so late: scheduling of a loaded machine.
        package var slackMilliseconds: Int64 = 250

        package init() {}
    }

    /// Throws a `HistoryError` when the directory holds no recording, or a line of it is none.
    package static func check(directory: RecordingDirectory, options: Options = Options()) throws -> HistoryVerdict {
        var check = HistoryCheck(directory: directory, options: options)
        return try check.run()
    }
}
