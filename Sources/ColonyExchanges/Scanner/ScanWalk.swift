/// One scan: walks down only where a path leads, passes over everything else.
///
/// Every verb answers false to stop: all is found, or `cursor.problem` says what is wrong.
struct ScanWalk {
    private var cursor: ScanCursor
    private let steps: UnsafeMutablePointer<ScanProgram.Step>
    private let levels: UnsafeMutablePointer<ScanProgram.Level>
    private let strict: Bool
    private let eachFields: UInt8
    /// The fields still looked for, and those with a value; one bit each.
    private var pending: UInt8
    private var seen: UInt8 = 0
    private(set) var found = FieldScan()

    @inline(__always)
    init(program: ScanProgram, base: UnsafeRawPointer, end: Int) {
        cursor = ScanCursor(base: base, end: end)
        steps = program.steps
        levels = program.levels
        strict = program.strict
        eachFields = program.eachFields
        pending = program.fields
    }

    @inline(__always)
    mutating func run() {
        var root = FieldValue()
        if value(pending, depth: 0, into: &root) {
            while cursor.at < cursor.end, ScanCursor.isSpace(cursor.byte(cursor.at)) { cursor.at += 1 }
            if cursor.at < cursor.end { _ = cursor.fail(.trailingBytes) }
        }
        found.problem = cursor.problem
        found.position = cursor.at
    }

    /// Reads one value that the paths of `active` lead to or through.
    private mutating func value(_ active: UInt8, depth: Int, into result: inout FieldValue) -> Bool {
        guard let first = cursor.next() else { return false }
        let start = cursor.at
        switch first {
        case 0x22:
            var escaped = false
            guard cursor.string(strict: strict, escaped: &escaped) else { return false }
            result = FieldValue(start: start + 1, end: cursor.at - 1, kind: .string, hasEscapes: escaped)
            return true
        case 0x7B:
            guard object(active & levels[depth].key, depth: depth) else { return false }
            result = FieldValue(start: start, end: cursor.at, kind: .object)
            return true
        case 0x5B:
            guard array(active & levels[depth].inArray, depth: depth) else { return false }
            result = FieldValue(start: start, end: cursor.at, kind: .array)
            return true
        default:
            guard let kind = FieldValue.Kind(first: first) else { return cursor.fail(.unexpectedByte) }
            guard cursor.validateScalar(first) else { return false }
            result = FieldValue(start: start, end: cursor.at, kind: kind)
            return true
        }
    }

    /// Reads an object whose opening brace is at the cursor.
    private mutating func object(_ active: UInt8, depth: Int) -> Bool {
        if strict, active == 0 { return cursor.validateContainer(depth: depth) }
        cursor.at += 1
        if active == 0 { return cursor.passOver(restOfObject: true, depth: depth) }
        var wanted = active
        guard var next = cursor.next() else { return false }
        if next == 0x7D {
            cursor.at += 1
            return true
        }
        while true {
            guard next == 0x22 else { return cursor.fail(.unexpectedByte) }
            let start = cursor.at + 1
            var escaped = false
            guard cursor.string(strict: strict, escaped: &escaped) else { return false }
            let count = cursor.at - 1 - start
            guard let colon = cursor.next() else { return false }
            guard colon == 0x3A else { return cursor.fail(.unexpectedByte) }
            cursor.at += 1
            let matched = escaped ? matchEscaped(wanted, depth, start, count) : match(wanted, depth, start, count)
            if matched == 0 {
                guard passOverValue(depth: depth + 1) else { return false }
            } else {
                // The first of equal keys counts.
                wanted &= ~matched
                guard take(matched, depth: depth + 1) else { return false }
                if wanted == 0, !strict { return cursor.passOver(restOfObject: true, depth: depth) }
            }
            guard let separator = cursor.next() else { return false }
            if separator == 0x7D {
                cursor.at += 1
                return true
            }
            guard separator == 0x2C else { return cursor.fail(.unexpectedByte) }
            cursor.at += 1
            guard let following = cursor.next() else { return false }
            next = following
        }
    }

    /// Reads an array whose opening bracket is at the cursor.
    private mutating func array(_ active: UInt8, depth: Int) -> Bool {
        if strict, active == 0 { return cursor.validateContainer(depth: depth) }
        cursor.at += 1
        if active == 0 { return cursor.passOver(restOfObject: false, depth: depth) }
        let level = levels[depth]
        let tails = active & (level.last | level.secondLast)
        var wanted = active & ~tails
        var latest = FieldValue()
        var previous = FieldValue()
        var index = 0
        guard let first = cursor.next() else { return false }
        var isOpen = first != 0x5D
        if !isOpen { cursor.at += 1 }
        while isOpen {
            let here = elementFields(&wanted, level, index: index, depth: depth)
            if tails != 0 {
                previous = latest
                guard value(here, depth: depth + 1, into: &latest) else { return false }
                let ending = here & levels[depth + 1].ends
                if ending != 0 { guard record(ending, latest) else { return false } }
            } else if here != 0 {
                guard take(here, depth: depth + 1) else { return false }
                wanted &= pending
            } else {
                guard passOverValue(depth: depth + 1) else { return false }
            }
            if tails | wanted == 0, !strict { return cursor.passOver(restOfObject: false, depth: depth) }
            index += 1
            guard let separator = cursor.next() else { return false }
            guard separator == 0x2C || separator == 0x5D else { return cursor.fail(.unexpectedByte) }
            isOpen = separator == 0x2C
            cursor.at += 1
        }
        if latest.kind != .absent, tails & level.last != 0 {
            guard record(tails & level.last, latest) else { return false }
        }
        if previous.kind != .absent, tails & level.secondLast != 0 {
            guard record(tails & level.secondLast, previous) else { return false }
        }
        pending &= ~(active & level.outerEach & seen)
        return pending != 0 || strict
    }

    /// The fields that lead to or through element `index`; those that wait for no other element leave `wanted`.
    @inline(__always)
    private func elementFields(_ wanted: inout UInt8, _ level: ScanProgram.Level, index: Int, depth: Int) -> UInt8 {
        var here = wanted & level.each
        var rest = wanted & level.index
        while rest != 0 {
            let field = rest.trailingZeroBitCount
            if steps[field &* ScanProgram.stride &+ depth].index == index {
                here |= 1 << field
                wanted &= ~(1 << field)
            }
            rest &= rest &- 1
        }
        return here
    }

    /// The fields of `wanted` whose step at `depth` is the key of these bytes.
    @inline(__always)
    private func match(_ wanted: UInt8, _ depth: Int, _ start: Int, _ count: Int) -> UInt8 {
        var matched: UInt8 = 0
        var rest = wanted
        while rest != 0 {
            let field = rest.trailingZeroBitCount
            let step = steps[field &* ScanProgram.stride &+ depth]
            if step.keyCount == count, equalBytes(cursor.base + start, step.key, count) { matched |= 1 << field }
            rest &= rest &- 1
        }
        return matched
    }

    @inline(never)
    private func matchEscaped(_ wanted: UInt8, _ depth: Int, _ start: Int, _ count: Int) -> UInt8 {
        let key = Array(UnsafeRawBufferPointer(start: cursor.base + start, count: count).unescaped().utf8)
        var matched: UInt8 = 0
        for field in 0..<FieldScanner.maximumFields where wanted & (1 << field) != 0 {
            let step = steps[field * ScanProgram.stride + depth]
            if key.elementsEqual(UnsafeBufferPointer(start: step.key, count: step.keyCount)) { matched |= 1 << field }
        }
        return matched
    }

    /// Reads one value and notes it for those of `fields` whose path ends here.
    @inline(__always)
    private mutating func take(_ fields: UInt8, depth: Int) -> Bool {
        let starting = fields & levels[depth].starts
        if starting != 0 { guard noteStart(starting) else { return false } }
        var result = FieldValue()
        guard value(fields, depth: depth, into: &result) else { return false }
        let ending = fields & levels[depth].ends & ~starting
        return ending == 0 ? true : record(ending, result)
    }

    private mutating func noteStart(_ fields: UInt8) -> Bool {
        guard let first = cursor.next() else { return false }
        guard let kind = FieldValue.Kind(first: first) else { return cursor.fail(.unexpectedByte) }
        return record(fields, FieldValue(start: cursor.at, end: cursor.at, kind: kind))
    }

    /// Notes the value of `fields`; false when nothing is left to look for.
    private mutating func record(_ fields: UInt8, _ value: FieldValue) -> Bool {
        var rest = fields
        while rest != 0 {
            let field = rest.trailingZeroBitCount
            let bit: UInt8 = 1 << field
            if seen & bit == 0 {
                seen |= bit
                found.values[field] = value
                if eachFields & bit == 0 { pending &= ~bit }
            } else if !isEqual(found.values[field], value) {
                found.values[field].differs = true
                pending &= ~bit
            }
            rest &= rest &- 1
        }
        return pending != 0 || strict
    }

    private func isEqual(_ left: FieldValue, _ right: FieldValue) -> Bool {
        let count = left.end - left.start
        return left.kind == right.kind && right.end - right.start == count
            && equalBytes(cursor.base + left.start, cursor.base + right.start, count)
    }

    @inline(__always)
    private mutating func passOverValue(depth: Int) -> Bool {
        guard let first = cursor.next() else { return false }
        if strict {
            return first == 0x7B || first == 0x5B ? cursor.validateContainer(depth: depth) : cursor.validateScalar(first)
        }
        switch first {
        case 0x22:
            var escaped = false
            return cursor.string(strict: false, escaped: &escaped)
        case 0x7B, 0x5B:
            cursor.at += 1
            return cursor.passOver(restOfObject: first == 0x7B, depth: depth)
        case 0x2D, 0x30...0x39, 0x74, 0x66, 0x6E:
            cursor.passOverScalar()
            return true
        default: return cursor.fail(.unexpectedByte)
        }
    }
}
