/// Looking into acknowledgements and notices, which are rare: each look-up scans anew and may allocate. Not for market data.
extension UnsafeRawBufferPointer {
    /// What keeps the whole message from being JSON, or nil.
    package var complaint: String? {
        guard let baseAddress else { return "the message is empty" }
        var cursor = ScanCursor(base: baseAddress, end: count)
        if let first = cursor.next() {
            let isWhole = first == 0x7B || first == 0x5B ? cursor.validateContainer(depth: 0) : cursor.validateScalar(first)
            if isWhole, trimmed.upperBound > cursor.at { _ = cursor.fail(.trailingBytes) }
        }
        return cursor.problem.map { "\($0.rawValue) at byte \(cursor.at)" }
    }

    /// The value at `path`, nil where the message has none.
    package func value(_ path: FieldPath) -> FieldValue? {
        FieldScanner(paths: [path]).scan(self)[0]
    }

    /// The string (decoded), number or literal at `path` as text; nil where it is null, an object, an array or absent.
    package func text(at path: FieldPath) -> String? {
        guard let value = value(path) else { return nil }
        return switch value.kind {
        case .string, .number, .true, .false: text(value)
        case .absent, .object, .array, .null: nil
        }
    }

    /// The strings (decoded) and numbers in the array at `path`; empty where there is no array.
    package func texts(at path: FieldPath) -> [String] {
        elements(at: path).compactMap { element in element.kind == .string || element.kind == .number ? text(element) : nil }
    }

    /// The elements of the array at `path`; their ranges count from the first byte of this message.
    package func elements(at path: FieldPath) -> [FieldValue] {
        guard let array = value(path), array.kind == .array else { return [] }
        return elements(of: array.range)
    }

    private func elements(of range: Range<Int>) -> [FieldValue] {
        let array = UnsafeRawBufferPointer(rebasing: self[range])
        guard let base = array.baseAddress else { return [] }
        var result: [FieldValue] = []
        var cursor = ScanCursor(base: base, end: array.count)
        cursor.at = 1
        while let first = cursor.next(), first != 0x5D {
            let start = cursor.at
            let isContainer = first == 0x7B || first == 0x5B
            guard isContainer ? cursor.validateContainer(depth: 0) : cursor.validateScalar(first) else { return result }
            let inset = first == 0x22 ? 1 : 0
            let kind: FieldValue.Kind =
                switch first {
                case 0x22: .string
                case 0x7B: .object
                case 0x5B: .array
                case 0x74: .true
                case 0x66: .false
                case 0x6E: .null
                default: .number
                }
            let hasEscapes = inset == 1 && array.position(of: 0x5C, in: start..<cursor.at) != nil
            result.append(
                FieldValue(
                    start: range.lowerBound + start + inset, end: range.lowerBound + cursor.at - inset, kind: kind, hasEscapes: hasEscapes))
            guard let separator = cursor.next(), separator == 0x2C else { return result }
            cursor.at += 1
        }
        return result
    }
}
