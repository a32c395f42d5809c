/// The table of exchanges: one row per id.
public enum Exchanges {
    /// Every dialect, in the order of their ids.
    public static let all: [any Dialect] = Families.all.flatMap(\.self).sorted { $0.profile.id < $1.profile.id }

    /// The dialect of an exchange id, whatever its case.
    public static func dialect(_ id: String) throws(DialectError) -> any Dialect {
        let wanted = id.lowercased()
        if let found = all.first(where: { $0.profile.id == wanted }) { return found }
        throw DialectError(.unknownExchange, "unknown exchange '\(id)'; `colony exchange list` shows the known ones")
    }
}
