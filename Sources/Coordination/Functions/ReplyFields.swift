internal import RedisClient

/// A function's reply as a row of texts, read with errors that say which function, which field and what was found.
struct ReplyFields {
    let function: String
    let texts: [String]

    init(_ reply: RedisValue, of function: String) throws(CoordinationError) {
        self.function = function
        guard let elements = reply.array, !elements.isEmpty else {
            throw CoordinationError(
                .unexpectedReply, "\(function) answered \(reply), which is not an array of texts; is another library loaded?")
        }
        var texts: [String] = []
        texts.reserveCapacity(elements.count)
        for element in elements {
            guard let text = element.string else {
                throw CoordinationError(.unexpectedReply, "\(function) answered an element that is no text: \(element)")
            }
            texts.append(text)
        }
        self.texts = texts
    }

    var count: Int { texts.count }

    /// True when the first element is `1`.
    var succeeded: Bool { texts[0] == "1" }

    /// The word behind `0`: `FENCED`, `GAP` and so on; for a plain `0` the empty text.
    var refusal: String { texts.count > 1 ? texts[1] : "" }

    func text(_ index: Int) throws(CoordinationError) -> String {
        guard index < texts.count else {
            throw CoordinationError(
                .unexpectedReply, "\(function) answered \(texts.count) elements, expected at least \(index + 1): \(texts)")
        }
        return texts[index]
    }

    func number<Number: FixedWidthInteger>(_ index: Int, as type: Number.Type = Int.self) throws(CoordinationError) -> Number {
        let text = try text(index)
        guard let number = Number(text) else {
            throw CoordinationError(.unexpectedReply, "\(function) answered '\(text)' where element \(index) is a number: \(texts)")
        }
        return number
    }

    func milliseconds(_ index: Int) throws(CoordinationError) -> Int64 { try number(index, as: Int64.self) }

    func pending(_ index: Int) throws(CoordinationError) -> Pending {
        let text = try text(index)
        guard let pending = Pending(rawValue: text) else {
            throw CoordinationError(.unexpectedReply, "\(function) answered '\(text)' where element \(index) is a pending state: \(texts)")
        }
        return pending
    }

    func id(_ index: Int) throws(CoordinationError) -> EntryID {
        let text = try text(index)
        guard let id = EntryID(text) else {
            throw CoordinationError(.unexpectedReply, "\(function) answered '\(text)' where element \(index) is an entry id: \(texts)")
        }
        return id
    }

    /// The error for a reply whose first words are unknown.
    var unexpected: CoordinationError {
        CoordinationError(.unexpectedReply, "\(function) answered \(texts), which this version does not know; is another library loaded?")
    }
}
