/// Reading of the small lists that acknowledgements carry. Not for data: it allocates.
extension UnsafeRawBufferPointer {
    /// The string elements of a JSON array, decoded; other elements and what is nested in them are passed over.
    func strings(in list: FieldValue) -> [String] {
        guard list.kind == .array else { return [] }
        var found: [String] = []
        var depth = 0
        var index = list.range.lowerBound
        while index < list.range.upperBound {
            switch self[index] {
            case 0x5B, 0x7B: depth += 1
            case 0x5D, 0x7D: depth -= 1
            case 0x22:
                let start = index + 1
                index = start
                while index < list.range.upperBound, self[index] != 0x22 { index += self[index] == 0x5C ? 2 : 1 }
                let end = Swift.min(index, list.range.upperBound)
                // At depth 2 a string would be a member of an element.
                if depth == 1 { found.append(decoded(start..<end)) }
            default: break
            }
            index += 1
        }
        return found
    }

    /// The raw bytes of a JSON string as text, with its escapes decoded.
    func decoded(_ range: Range<Int>) -> String {
        position(of: 0x5C, in: range) == nil ? text(range) : UnsafeRawBufferPointer(rebasing: self[range]).unescaped()
    }

    /// The beginning of the message for people, at most 200 bytes.
    var excerpt: String {
        text(0..<Swift.min(count, 200))
    }
}

extension FieldScan {
    /// The value of path number `index` where it is a string.
    func string(_ index: Int) -> FieldValue? {
        guard let value = self[index], value.isString else { return nil }
        return value
    }

    /// The value of path number `index` where it is there and not null.
    func present(_ index: Int) -> FieldValue? {
        guard let value = self[index], value.kind != .null else { return nil }
        return value
    }
}
