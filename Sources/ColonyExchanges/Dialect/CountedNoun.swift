extension BinaryInteger {
    /// A count with what is counted: `1 subscription`, `2 subscriptions`. `plural` for nouns that do not take an s.
    package func of(_ noun: String, plural: String? = nil) -> String { "\(self) \(self == 1 ? noun : plural ?? "\(noun)s")" }
}
