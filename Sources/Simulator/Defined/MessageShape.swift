internal import ColonyExchanges

/// A JSON object with values at given paths, for messages of exchanges that are known by their definition only.
struct MessageShape {
    private indirect enum Node {
        case value(String)
        case object([(key: String, node: Node)])
        case array([Node])
    }

    private var root = Node.object([])

    /// Puts `json` (one encoded value) at the path.
    mutating func set(_ path: FieldPath, _ json: String) { root = Self.put(json, path.steps[...], into: root) }

    /// Puts `json` under `key` of the object that holds the value at the path.
    mutating func set(beside path: FieldPath, key: String, _ json: String) {
        root = Self.put(json, path.steps.dropLast() + [.key(key)], into: root)
    }

    var text: String { Self.text(root) }

    private static func put(_ json: String, _ steps: ArraySlice<FieldPath.Step>, into node: Node?) -> Node {
        guard let step = steps.first else { return .value(json) }
        let rest = steps.dropFirst()
        switch step {
        case .key(let key):
            var members: [(key: String, node: Node)] = []
            if case .object(let old)? = node { members = old }
            if let index = members.firstIndex(where: { $0.key == key }) {
                members[index].node = put(json, rest, into: members[index].node)
            } else {
                members.append((key, put(json, rest, into: nil)))
            }
            return .object(members)
        case .index, .last, .secondLast, .each:
            var elements: [Node] = []
            if case .array(let old)? = node { elements = old }
            let position =
                switch step {
                case .index(let index): index
                case .secondLast: 0
                case .key, .last, .each: 0
                }
            while elements.count <= position { elements.append(.value("0")) }
            if step == .secondLast, elements.count < 2 { elements.append(.value("0")) }
            elements[position] = put(json, rest, into: elements[position])
            return .array(elements)
        }
    }

    private static func text(_ node: Node) -> String {
        switch node {
        case .value(let json): json
        case .object(let members): "{" + members.map { JSONValue.quoted($0.key) + ":" + text($0.node) }.joined(separator: ",") + "}"
        case .array(let elements): "[" + elements.map(text).joined(separator: ",") + "]"
        }
    }
}
