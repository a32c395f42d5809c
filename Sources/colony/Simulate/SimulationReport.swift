import Simulation

/// What `colony simulate` prints.
enum SimulationReport {
    static func rounded(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    static func text(_ outcome: Campaign.Outcome, _ campaign: Campaign) -> String {
        var lines = [
            "seeds \(campaign.seeds.lowerBound)..\(campaign.seeds.upperBound): \(outcome.runs) runs of \(campaign.minutes) virtual minutes with faults, "
                + "\(campaign.workers) workers, \(campaign.feeds) feeds: \(outcome.failures.count) failed",
            "\(rounded(outcome.wallSeconds)) s with \(campaign.jobs) jobs: \(rounded(outcome.runsPerSecond)) runs/s, "
                + "\(Int(outcome.timesRealTime)) x real time, \(outcome.steps) events",
            "reached:",
        ]
        for item in Coverage.allCases {
            let mark = outcome.coverage[item] == 0 && Coverage.demanded.contains(item) ? "  MISSING" : ""
            lines.append("  \(pad(item.title, 32)) \(outcome.coverage[item])\(mark)")
        }
        return lines.joined(separator: "\n")
    }

    static func text(_ rows: [MutationTable.Row], _ campaign: Campaign) -> String {
        let caught = rows.count { $0.isExpected }
        return (rows.map(\.line) + ["\(caught) of \(rows.count) caught within \(campaign.seeds.count) seeds"]).joined(separator: "\n")
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text.count >= width ? text : text + String(repeating: " ", count: width - text.count)
    }
}
