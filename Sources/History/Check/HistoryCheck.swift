/// One run of the checker.
struct HistoryCheck {
    let directory: RecordingDirectory
    let options: HistoryChecker.Options
    private var findings: Findings

    init(directory: RecordingDirectory, options: HistoryChecker.Options) {
        self.directory = directory
        self.options = options
        findings = Findings(toldPerRule: options.toldPerRule)
    }

    mutating func run() throws(HistoryError) -> HistoryVerdict {
        var verdict = HistoryVerdict()
        verdict.promises = findings.promises(excused: options.excused)
        return verdict
    }
}
