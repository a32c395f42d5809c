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

    /// The same for the array that fills `range`.
    package func texts(inArray range: Range<Int>) -> [String] {
        guard !range.isEmpty, self[range.lowerBound] == 0x5B else { return [] }
        return items(of: range).compactMap { $0.value.kind == .string || $0.value.kind == .number ? text($0.value) : nil }
    }

    /// The elements of the array at `path`; their ranges count from the first byte of this message.
    package func elements(at path: FieldPath) -> [FieldValue] {
        guard let array = value(path), array.kind == .array else { return [] }
        return items(of: array.range).map(\.value)
    }

    /// The names (decoded) and values of the object at `path`, in order.
    package func members(at path: FieldPath) -> [(name: String, value: FieldValue)] {
        guard let object = value(path), object.kind == .object else { return [] }
        return items(of: object.range).map { ($0.name ?? "", $0.value) }
    }

    /// What a container holds that was found by a scan; ends early where it is malformed.
    private func items(of range: Range<Int>) -> [(name: String?, value: FieldValue)] {
        let container = UnsafeRawBufferPointer(rebasing: self[range])
        guard let base = container.baseAddress else { return [] }
        var result: [(name: String?, value: FieldValue)] = []
        var cursor = ScanCursor(base: base, end: container.count)
        let isObject = cursor.next() == 0x7B
        repeat {
            cursor.at += 1
            var name: String?
            if isObject {
                guard cursor.next() == 0x22, let key = item(of: container, &cursor), cursor.next() == 0x3A else { return result }
                name = container.text(key)
                cursor.at += 1
            }
            guard var value = item(of: container, &cursor) else { return result }
            value.start += range.lowerBound
            value.end += range.lowerBound
            result.append((name, value))
        } while cursor.next() == 0x2C
        return result
    }

    /// Reads one value of a container.
    private func item(of container: UnsafeRawBufferPointer, _ cursor: inout ScanCursor) -> FieldValue? {
        guard let first = cursor.next(), let kind = FieldValue.Kind(first: first) else { return nil }
        let start = cursor.at
        guard kind == .object || kind == .array ? cursor.validateContainer(depth: 0) : cursor.validateScalar(first) else { return nil }
        guard kind == .string else { return FieldValue(start: start, end: cursor.at, kind: kind) }
        let hasEscapes = container.position(of: 0x5C, in: start..<cursor.at) != nil
        return FieldValue(start: start + 1, end: cursor.at - 1, kind: kind, hasEscapes: hasEscapes)
    }
}
