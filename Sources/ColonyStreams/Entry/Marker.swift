/// A marker of the control stream: what happened to the feed's producer, written by Redis in the same call as the act itself.
public struct Marker: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// A worker acquired the lease. The websocket before is over; its tail may be lost.
        case fence
        /// A websocket was opened: books start afresh.
        case up
        /// The websocket ended.
        case down
        /// Packets were received and are not stored.
        case gap
        /// Redis lost data, or refused an id: the unacknowledged rest is repeated under a new epoch.
        case rollback
    }

    public struct Field: Sendable, Hashable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public var kind: Kind
    /// All fields of the entry but `marker`, in the order in which they are stored.
    public var fields: [Field]

    public init(_ kind: Kind, fields: [Field]) {
        self.kind = kind
        self.fields = fields
    }

    /// The value of a field; nil if the marker has none of this name.
    public subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    /// When it was written: milliseconds since 1970 on Redis' clock.
    public var atMilliseconds: Int64? { self["at"].flatMap { Int64($0) } }
    public var worker: String? { self["worker"] }
    public var reason: String? { self["reason"] }
    public var previousEpoch: Int? { number("previous_epoch") }
    /// The first sequence of the previous epoch that was not stored.
    public var previousNext: Int? { number("previous_next") }

    func number(_ name: String) -> Int? { self[name].flatMap { Int($0) } }
}
