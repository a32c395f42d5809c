/// A request's template read from the other side: the values that a client filled in.
///
/// White space counts in quoted text only, so that clients may space their JSON as they like.
struct TemplatePattern: Sendable {
    private enum Piece: Sendable, Equatable {
        case literal(String)
        case blank(String)
    }

    private let pieces: [Piece]

    /// `names` are the blanks: `channel` of `{channel}`.
    init(_ template: String, blanks names: [String]) {
        var pieces: [Piece] = []
        var literal = ""
        var rest = Substring(Self.squeezed(template))
        while !rest.isEmpty {
            if let name = names.first(where: { rest.hasPrefix("{\($0)}") }) {
                if !literal.isEmpty { pieces.append(.literal(literal)) }
                literal = ""
                pieces.append(.blank(name))
                rest = rest.dropFirst(name.count + 2)
            } else {
                literal.append(rest.removeFirst())
            }
        }
        if !literal.isEmpty { pieces.append(.literal(literal)) }
        self.pieces = pieces
    }

    /// The values of the blanks; nil when the message is another one. A value ends where the text behind its blank begins.
    func values(of message: String) -> [String: String]? {
        var values: [String: String] = [:]
        var rest = Substring(Self.squeezed(message))
        for (index, piece) in pieces.enumerated() {
            switch piece {
            case .literal(let text):
                guard rest.hasPrefix(text) else { return nil }
                rest = rest.dropFirst(text.count)
            case .blank(let name):
                var end = rest.endIndex
                if case .literal(let following)? = pieces.dropFirst(index + 1).first {
                    guard let found = rest.firstRange(of: following) else { return nil }
                    end = found.lowerBound
                }
                guard end > rest.startIndex else { return nil }
                values[name] = String(rest[..<end])
                rest = rest[end...]
            }
        }
        return rest.isEmpty ? values : nil
    }

    private static func squeezed(_ text: String) -> String {
        var isQuoted = false
        var isEscaped = false
        return text.filter { character in
            if isQuoted {
                if isEscaped {
                    isEscaped = false
                } else if character == "\\" {
                    isEscaped = true
                } else if character == "\"" {
                    isQuoted = false
                }
                return true
            }
            if character == "\"" { isQuoted = true }
            return !character.isWhitespace
        }
    }
}
