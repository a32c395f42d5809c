extension ScanCursor {
    /// Passes over the rest of an open container that sits at `depth` (0 is the root), looking at brackets and strings only.
    mutating func rest(_ at: Int, ofObject isObject: Bool, depth: Int) -> Int {
        // One bit for each open container, 1 for an object; the innermost is the lowest.
        var open: UInt64 = isObject ? 1 : 0
        var levels = depth + 1
        guard levels <= Self.maximumNesting else { return fail(.tooDeep, at: at) }
        var position = at
        while position < end {
            let found = byte(position)
            if found == 0x22 {
                var escaped = false
                position = string(position, strict: false, escaped: &escaped)
                if position < 0 { return position }
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
                    if levels == depth { return position + 1 }
                }
            }
            position &+= 1
        }
        return fail(.unexpectedEnd, at: position)
    }

    private enum Expected { case value, valueOrClose, key, keyOrClose, commaOrClose }

    /// Consumes a whole value that sits at `depth`, accepting nothing but JSON.
    mutating func validate(_ at: Int, depth: Int) -> Int {
        var at = at
        var open: UInt64 = 0
        var levels = depth
        var expected = Expected.value
        repeat {
            at = next(at)
            if at < 0 { return at }
            let found = byte(at)
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
                at = key(at)
                expected = .value
            case .value where found == 0x7B || found == 0x5B, .valueOrClose where found == 0x7B || found == 0x5B:
                guard levels < Self.maximumNesting else { return fail(.tooDeep, at: at) }
                at += 1
                levels += 1
                open = open << 1 | UInt64(found == 0x7B ? 1 : 0)
                expected = found == 0x7B ? .keyOrClose : .valueOrClose
            case .value, .valueOrClose:
                at = scalar(at, first: found)
                expected = .commaOrClose
            case .commaOrClose, .key, .keyOrClose: return fail(.unexpectedByte, at: at)
            }
            if at < 0 { return at }
        } while levels > depth
        return at
    }

    /// Consumes a key and its colon.
    private mutating func key(_ at: Int) -> Int {
        var escaped = false
        let behind = string(at, strict: true, escaped: &escaped)
        if behind < 0 { return behind }
        let colon = next(behind)
        if colon < 0 { return colon }
        return byte(colon) == 0x3A ? colon + 1 : fail(.unexpectedByte, at: colon)
    }

    /// Consumes a string, number or literal that begins with `first`.
    mutating func scalar(_ at: Int, first: UInt8) -> Int {
        switch first {
        case 0x22:
            var escaped = false
            return string(at, strict: true, escaped: &escaped)
        case 0x74: return literal(at, "true")
        case 0x66: return literal(at, "false")
        case 0x6E: return literal(at, "null")
        case 0x2D, 0x30...0x39: return number(at)
        default: return fail(.unexpectedByte, at: at)
        }
    }

    /// Consumes the white space behind the last value of a message; anything else is a problem.
    mutating func finish(_ at: Int) -> Int {
        var at = at
        while at < end, Self.isSpace(byte(at)) { at += 1 }
        return at < end ? fail(.trailingBytes, at: at) : at
    }
}
