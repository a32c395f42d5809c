/// One scan: walks down only where a path leads, passes over everything else.
///
/// Every verb takes a position and returns the one behind what it read, or `ScanCursor.stop`: all is found, or `cursor.problem` says
/// what is wrong.
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
        var at = value(0, pending, depth: 0).at
        if at >= 0 { at = cursor.finish(at) }
        found.problem = cursor.problem
        found.position = at >= 0 ? at : cursor.stoppedAt
    }

    private typealias Value = (at: Int, value: FieldValue)

    /// Reads one value that the paths of `active` lead to or through.
    private mutating func value(_ start: Int, _ active: UInt8, depth: Int) -> Value {
        let start = cursor.next(start)
        if start < 0 { return (start, FieldValue()) }
        let first = cursor.byte(start)
        switch first {
        case 0x22:
            var escaped = false
            let at = cursor.string(start, strict: strict, escaped: &escaped)
            return (at, FieldValue(start: start &+ 1, end: at &- 1, kind: .string, hasEscapes: escaped))
        case 0x7B:
            let at = object(start, active & levels[depth].key, depth: depth)
            return (at, FieldValue(start: start, end: at, kind: .object))
        case 0x5B:
            let at = array(start, active & levels[depth].inArray, depth: depth)
            return (at, FieldValue(start: start, end: at, kind: .array))
        default:
            guard let kind = FieldValue.Kind(first: first) else { return (cursor.fail(.unexpectedByte, at: start), FieldValue()) }
            var at = cursor.scalar(start, first: first)
            // Inside a container a number or literal that ends with the message may be cut off.
            if depth > 0, at == cursor.end { at = cursor.fail(.unexpectedEnd, at: at) }
            return (at, FieldValue(start: start, end: at, kind: kind))
        }
    }

    /// Reads an object whose opening brace is at `start`.
    private mutating func object(_ start: Int, _ active: UInt8, depth: Int) -> Int {
        if active == 0 { return strict ? cursor.validate(start, depth: depth) : cursor.rest(start + 1, ofObject: true, depth: depth) }
        var wanted = active
        var at = cursor.next(start &+ 1)
        if at < 0 { return at }
        if cursor.byte(at) == 0x7D { return at + 1 }
        while true {
            guard cursor.byte(at) == 0x22 else { return cursor.fail(.unexpectedByte, at: at) }
            let key = at &+ 1
            var escaped = false
            at = cursor.string(at, strict: strict, escaped: &escaped)
            if at < 0 { return at }
            let count = at &- 1 &- key
            at = cursor.next(at)
            if at < 0 { return at }
            guard cursor.byte(at) == 0x3A else { return cursor.fail(.unexpectedByte, at: at) }
            at &+= 1
            let matched = escaped ? matchEscaped(wanted, depth, key, count) : match(wanted, depth, key, count)
            if matched == 0 {
                at = passOver(at, depth: depth &+ 1)
            } else {
                // The first of equal keys counts.
                wanted &= ~matched
                at = take(at, matched, depth: depth &+ 1)
                if wanted == 0, !strict, at >= 0 { return cursor.rest(at, ofObject: true, depth: depth) }
            }
            if at < 0 { return at }
            at = cursor.next(at)
            if at < 0 { return at }
            let separator = cursor.byte(at)
            if separator == 0x7D { return at &+ 1 }
            guard separator == 0x2C else { return cursor.fail(.unexpectedByte, at: at) }
            at = cursor.next(at &+ 1)
            if at < 0 { return at }
        }
    }

    /// Reads an array whose opening bracket is at `start`.
    private mutating func array(_ start: Int, _ active: UInt8, depth: Int) -> Int {
        if active == 0 { return strict ? cursor.validate(start, depth: depth) : cursor.rest(start + 1, ofObject: false, depth: depth) }
        let level = levels[depth]
        let tails = active & (level.last | level.secondLast)
        var wanted = active & ~tails
        var latest = FieldValue()
        var previous = FieldValue()
        var index = 0
        var at = cursor.next(start &+ 1)
        if at < 0 { return at }
        var isOpen = cursor.byte(at) != 0x5D
        if !isOpen { at += 1 }
        while isOpen {
            let here = elementFields(&wanted, level, index: index, depth: depth)
            if tails != 0 {
                previous = latest
                (at, latest) = value(at, here, depth: depth &+ 1)
                let ending = here & levels[depth &+ 1].ends
                if ending != 0, at >= 0, !record(ending, latest) { return ScanCursor.stop }
            } else if here != 0 {
                at = take(at, here, depth: depth &+ 1)
                wanted &= pending
            } else {
                at = passOver(at, depth: depth &+ 1)
            }
            if at < 0 { return at }
            if tails | wanted == 0, !strict { return cursor.rest(at, ofObject: false, depth: depth) }
            index &+= 1
            at = cursor.next(at)
            if at < 0 { return at }
            let separator = cursor.byte(at)
            guard separator == 0x2C || separator == 0x5D else { return cursor.fail(.unexpectedByte, at: at) }
            isOpen = separator == 0x2C
            at &+= 1
        }
        cursor.stoppedAt = at
        if latest.kind != .absent, tails & level.last != 0, !record(tails & level.last, latest) { return ScanCursor.stop }
        if previous.kind != .absent, tails & level.secondLast != 0, !record(tails & level.secondLast, previous) { return ScanCursor.stop }
        pending &= ~(active & level.outerEach & seen)
        return pending != 0 || strict ? at : ScanCursor.stop
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
            if step.keyCount == count, equalBytes(cursor.base + start, step.key, count) {
                matched |= 1 &<< UInt8(truncatingIfNeeded: field)
            }
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
    private mutating func take(_ at: Int, _ fields: UInt8, depth: Int) -> Int {
        let starting = fields & levels[depth].starts
        if starting != 0, !noteStart(at, starting) { return ScanCursor.stop }
        let ending = fields & levels[depth].ends & ~starting
        let start = cursor.next(at)
        if start < 0 { return start }
        let behind: Int
        let result: FieldValue
        if cursor.byte(start) == 0x22 {
            // What is looked for is a string most often: no call.
            var escaped = false
            behind = cursor.string(start, strict: strict, escaped: &escaped)
            result = FieldValue(start: start &+ 1, end: behind &- 1, kind: .string, hasEscapes: escaped)
        } else {
            (behind, result) = value(start, fields, depth: depth)
        }
        if behind < 0 { return behind }
        if ending == 0 { return behind }
        cursor.stoppedAt = behind
        return record(ending, result) ? behind : ScanCursor.stop
    }

    private mutating func noteStart(_ at: Int, _ fields: UInt8) -> Bool {
        let start = cursor.next(at)
        if start < 0 { return false }
        guard let kind = FieldValue.Kind(first: cursor.byte(start)) else { return cursor.fail(.unexpectedByte, at: start) >= 0 }
        cursor.stoppedAt = start
        return record(fields, FieldValue(start: start, end: start, kind: kind))
    }

    /// Notes the value of `fields`; false when nothing is left to look for.
    @inline(__always)
    private mutating func record(_ fields: UInt8, _ value: FieldValue) -> Bool {
        var rest = fields
        while rest != 0 {
            let field = rest.trailingZeroBitCount
            let bit: UInt8 = 1 &<< UInt8(truncatingIfNeeded: field)
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
    private mutating func passOver(_ at: Int, depth: Int) -> Int {
        let at = cursor.next(at)
        if at < 0 { return at }
        if strict { return cursor.validate(at, depth: depth) }
        let first = cursor.byte(at)
        switch first {
        case 0x22:
            var escaped = false
            return cursor.string(at, strict: false, escaped: &escaped)
        case 0x7B, 0x5B: return cursor.rest(at &+ 1, ofObject: first == 0x7B, depth: depth)
        case 0x2D, 0x30...0x39, 0x74, 0x66, 0x6E: return cursor.scalarEnd(at)
        default: return cursor.fail(.unexpectedByte, at: at)
        }
    }
}
