/// The answer to INFO: one text field per line, by Redis' own names.
public struct RedisServerInfo: Sendable, Equatable {
    public var fields: [String: String]

    /// `text`: lines `name:value`; lines that begin with `#` are headings.
    public init(_ text: String) {
        fields = [:]
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[String(line[..<colon])] = String(line[line.index(after: colon)...])
        }
    }

    public subscript(_ field: String) -> String? { fields[field] }

    /// Changes whenever the server process starts.
    public var runID: String? { fields["run_id"] }
    public var version: String? { fields["redis_version"] }
    /// `master` or `slave`.
    public var role: String? { fields["role"] }
    public var usedMemoryBytes: Int? { fields["used_memory"].flatMap { Int($0) } }
    public var isLoading: Bool { fields["loading"] == "1" }
}
