/// Where a value sits in a JSON message: object keys and array positions from the root.
///
/// Written as a list: `["data", .each, "symbol"]`, `[.index(0)]`, `[.secondLast]`.
package struct FieldPath: Sendable, Equatable, ExpressibleByArrayLiteral {
    package enum Step: Sendable, Equatable, ExpressibleByStringLiteral {
        case key(String)
        /// An element of an array, counted from 0.
        case index(Int)
        /// The last element of an array; only as the last step.
        case last
        /// The element before the last one; only as the last step.
        case secondLast
        /// All elements of an array: the value is the first one found, and `FieldValue.differs` tells whether another was not equal.
        case each

        package init(stringLiteral value: String) { self = .key(value) }
    }

    /// The most steps a path may have.
    package static let maximumDepth = 6

    package let steps: [Step]
    /// Only where the value begins and of what kind it is: the scan need not read it. The range of such a value is empty.
    package private(set) var isStartOnly = false

    /// The start of the value at `path`: tells whether it is there, however long it is.
    package static func start(of path: FieldPath) -> FieldPath {
        var result = path
        result.isStartOnly = true
        return result
    }

    package init(arrayLiteral elements: Step...) {
        self.init(steps: elements)
    }

    /// The path of hand-written steps. Traps on a path no scanner can follow, which is a programming error.
    package init(steps: [Step]) {
        if let complaint = Self.complaint(about: steps) { preconditionFailure("field path \(steps): \(complaint)") }
        self.steps = steps
    }

    /// Reads the notation of configuration files: `data.symbol`, `data[].symbol` (all elements), `data[0].s`, `[-1]`, `[-2]`.
    package init(parsing text: String) throws(DialectError) {
        var steps: [Step] = []
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            var rest = part
            let name = rest.prefix { $0 != "[" }
            rest = rest.dropFirst(name.count)
            if !name.isEmpty { steps.append(.key(String(name))) }
            guard !part.isEmpty, !name.contains("]") else {
                throw DialectError(.badDefinition, "field path '\(text)': '\(part)' is no name; write for example data.symbol")
            }
            while !rest.isEmpty {
                guard let close = rest.firstIndex(of: "]"), rest.first == "[" else {
                    throw DialectError(.badDefinition, "field path '\(text)': '\(rest)' is no [index]; write for example data[0].symbol")
                }
                steps.append(try Self.position(rest[rest.index(after: rest.startIndex)..<close], in: text))
                rest = rest[rest.index(after: close)...]
            }
        }
        if let complaint = Self.complaint(about: steps) { throw DialectError(.badDefinition, "field path '\(text)': \(complaint)") }
        self.steps = steps
    }

    private static func position(_ digits: Substring, in text: String) throws(DialectError) -> Step {
        switch digits {
        case "": return .each
        case "-1": return .last
        case "-2": return .secondLast
        default:
            guard let index = Int(digits), index >= 0, index <= 1_000_000 else {
                throw DialectError(.badDefinition, "field path '\(text)': [\(digits)] is neither an index nor [-1], [-2] or []")
            }
            return .index(index)
        }
    }

    private static func complaint(about steps: [Step]) -> String? {
        if steps.isEmpty { return "no steps" }
        if steps.count > maximumDepth { return "more than \(maximumDepth) steps" }
        if steps.dropLast().contains(where: { $0 == .last || $0 == .secondLast }) { return "a step after the last element" }
        return nil
    }
}
