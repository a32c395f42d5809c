import ColonyExchanges
import Testing

/// One message of an exchange and what it means. Values are made up; shapes are the exchanges'.
struct Sample: Sendable, CustomTestStringConvertible {
    let id: String
    let title: String
    let text: String
    let meaning: Connection.Meaning

    init(_ id: String, _ title: String, _ text: String, _ meaning: Connection.Meaning) {
        self.id = id
        self.title = title
        self.text = text
        self.meaning = meaning
    }

    var testDescription: String { "\(id): \(title)" }
}
