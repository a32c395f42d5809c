/// What the rules found: counts all, keeps the first ones.
struct Findings {
    private struct Finding {
        var count = 0
        var told: [HistoryViolation] = []
        var checked = 0
        var unit = ""
        var whyNot = ""
    }

    private let toldPerRule: Int
    private var findings: [HistoryRule: Finding] = [:]

    init(toldPerRule: Int) { self.toldPerRule = toldPerRule }

    mutating func add(_ violation: HistoryViolation) {
        var finding = findings[violation.rule] ?? Finding()
        finding.count += 1
        if finding.told.count < toldPerRule { finding.told.append(violation) }
        findings[violation.rule] = finding
    }

    /// `count` more facts were held against the rule.
    mutating func checked(_ rule: HistoryRule, _ unit: String, count: Int = 1) {
        findings[rule, default: Finding()].checked += count
        findings[rule, default: Finding()].unit = unit
    }

    mutating func unchecked(_ rule: HistoryRule, because reason: String) { findings[rule, default: Finding()].whyNot = reason }

    var told: [HistoryViolation] { HistoryRule.allCases.flatMap { findings[$0]?.told ?? [] } }

    func promises(excused: Set<HistoryRule>) -> [HistoryVerdict.Promise] {
        HistoryRule.allCases.map { rule in
            let finding = findings[rule] ?? Finding()
            let isExcused = excused.contains(rule)
            let isChecked = finding.checked > 0 || finding.count > 0
            var detail: [String] = []
            if isChecked {
                if finding.checked > 0 { detail.append("\(finding.checked) \(finding.unit)") }
                if finding.count > 0 {
                    detail.append("\(finding.count) violation\(finding.count == 1 ? "" : "s")\(isExcused ? ", excused" : "")")
                    detail += finding.told.prefix(3).map { "\($0.feed.isEmpty ? "" : "\($0.feed): ")\($0.text)" }
                }
            } else {
                detail.append("not checked: \(finding.whyNot.isEmpty ? "the recording does not show it" : finding.whyNot)")
            }
            return HistoryVerdict.Promise(
                id: rule.rawValue, kept: finding.count == 0 || isExcused, checked: isChecked, detail: detail.joined(separator: "; "))
        }
    }
}
