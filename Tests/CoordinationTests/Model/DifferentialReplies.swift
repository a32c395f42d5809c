/// Every reply of every function, as function and first words; errors by their first word.
enum DifferentialReplies {
    private static let words: [String: [String]] = [
        "init": ["1", "0"],
        "observe": ["record", "nothing"],
        "acquire": ["1", "0 CHANGED", "0 RESERVED", "0 EPOCH", "0 FENCED"],
        "renew": ["1", "0", "-1"],
        "gate": ["1 GO", "0 DUE", "0 COOLING", "0 NOTPENDING", "0 FENCED"],
        "retry": ["1 due", "1 cooling", "0 LIVE", "0 FENCED"],
        "begin": ["1", "0 NOTCONNECTING", "0 EPOCH", "0 FENCED"],
        "publish": ["1", "0 GAP", "0 ORDER", "0 ENDED", "0 FENCED", "BADID", "OOM"],
        "lost": ["1", "0 GAP", "0 ORDER", "0 ENDED", "0 FENCED"],
        "disconnect": ["1 due", "1 cooling", "0 REFUSED", "0 GAP", "0 FENCED"],
        "release": ["1", "0 NOTHELD", "0 FENCED", "0 OTHER"],
        "resume": ["1 SAME", "1 NEW", "0 FENCED", "0 EPOCH"],
        "trim": ["1"],
        "beat": ["1"],
        "desire": ["1", "0 CHANGED"],
        "request": ["1"],
    ]

    /// `observe` has no arguments that could be wrong.
    static let all: Set<String> = {
        var all: Set<String> = ["ERR"]
        for (function, words) in words {
            for word in words { all.insert("\(function) \(word)") }
            if function != "observe" { all.insert("\(function) BADARG") }
        }
        return all
    }()
}
