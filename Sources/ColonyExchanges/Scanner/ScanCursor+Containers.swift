extension ScanCursor {
    /// Passes over the rest of an open container that sits at `depth` (0 is the root), looking at brackets and strings only.
    mutating func passOver(restOfObject isObject: Bool, depth: Int) -> Bool {
        // One bit for each open container, 1 for an object; the innermost is the lowest.
        var open: UInt64 = isObject ? 1 : 0
        var levels = depth + 1
        guard levels <= Self.maximumNesting else { return fail(.tooDeep) }
        var position = at
        while position < end {
            let found = byte(position)
            if found == 0x22 {
                at = position
                var escaped = false
                guard string(strict: false, escaped: &escaped) else { return false }
                position = at
                continue
            }
            // The four brackets are 5B, 5D, 7B and 7D.
            if found & 0xD9 == 0x59, found & 0x06 == 0x02 || found & 0x06 == 0x04 {
                if found & 0x06 == 0x02 {
                    guard levels < Self.maximumNesting else { return fail(.tooDeep, at: position) }
                    levels += 1
                    open = open << 1 | UInt64(found >> 5 & 1)
                } else {
                    guard open & 1 == UInt64(found >> 5 & 1) else { return fail(.unexpectedByte, at: position) }
                    levels -= 1
                    open >>= 1
                    if levels == depth {
                        at = position + 1
                        return true
                    }
                }
            }
            position += 1
        }
        return fail(.unexpectedEnd, at: position)
    }

    private enum Expected { case value, valueOrClose, key, keyOrClose, commaOrClose }

    /// Consumes a whole container whose opening bracket is at `at` and that sits at `depth`, accepting nothing but JSON.
    mutating func validateContainer(depth: Int) -> Bool {
        var open: UInt64 = 0
        var levels = depth
        var expected = Expected.value
        repeat {
            guard let found = next() else { return false }
            switch expected {
            case .commaOrClose where found == 0x2C:
                at += 1
                expected = open & 1 == 1 ? .key : .value
            case .commaOrClose where found == (open & 1 == 1 ? 0x7D : 0x5D), .keyOrClose where found == 0x7D,
                .valueOrClose where found == 0x5D:
                at += 1
                levels -= 1
                open >>= 1
                expected = .commaOrClose
            case .key where found == 0x22, .keyOrClose where found == 0x22:
                var escaped = false
                guard string(strict: true, escaped: &escaped), let colon = next() else { return false }
                guard colon == 0x3A else { return fail(.unexpectedByte) }
                at += 1
                expected = .value
            case .value where found == 0x7B || found == 0x5B, .valueOrClose where found == 0x7B || found == 0x5B:
                guard levels < Self.maximumNesting else { return fail(.tooDeep) }
                at += 1
                levels += 1
                open = open << 1 | UInt64(found == 0x7B ? 1 : 0)
                expected = found == 0x7B ? .keyOrClose : .valueOrClose
            case .value, .valueOrClose:
                guard validateScalar(found) else { return false }
                expected = .commaOrClose
            case .commaOrClose, .key, .keyOrClose: return fail(.unexpectedByte)
            }
        } while levels > depth
        return true
    }

    /// Consumes a string, number or literal that begins with `first`.
    mutating func validateScalar(_ first: UInt8) -> Bool {
        switch first {
        case 0x22:
            var escaped = false
            return string(strict: true, escaped: &escaped)
        case 0x74: return literal("true")
        case 0x66: return literal("false")
        case 0x6E: return literal("null")
        case 0x2D, 0x30...0x39: return number()
        default: return fail(.unexpectedByte)
        }
    }
}
