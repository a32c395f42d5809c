/// The paths of a scanner, laid out flat: a step of field `f` at depth `d` sits at `f * maximumDepth + d`.
///
/// `@unchecked Sendable`: everything is written in the initialiser and only read afterwards.
final class ScanProgram: @unchecked Sendable {
    struct Step {
        var key = UnsafePointer<UInt8>(bitPattern: 1)!
        var keyCount = 0
        var index = -1
    }

    /// For one depth, one bit per field: which kind of step the field takes there.
    struct Level {
        var key: UInt8 = 0
        var index: UInt8 = 0
        var each: UInt8 = 0
        /// The first step for all elements of a field's path.
        var outerEach: UInt8 = 0
        var last: UInt8 = 0
        var secondLast: UInt8 = 0
        /// The field's path has ended: the value at this depth is the one.
        var ends: UInt8 = 0
        /// Those of `ends` that want the start of the value only.
        var starts: UInt8 = 0

        var inArray: UInt8 {
            @inline(__always) get { index | each | last | secondLast }
        }
    }

    let strict: Bool
    /// One bit for each field; and those of them with a step for all elements.
    let fields: UInt8
    let eachFields: UInt8
    let steps: UnsafeMutablePointer<Step>
    let levels: UnsafeMutablePointer<Level>
    /// All keys, one after another.
    private let keys: UnsafeMutablePointer<UInt8>

    static let stride = FieldPath.maximumDepth

    init(_ paths: [FieldPath], strict: Bool) {
        self.strict = strict
        self.fields = UInt8((1 << paths.count) - 1)
        self.eachFields = paths.enumerated().reduce(0) { bits, path in path.element.steps.contains(.each) ? bits | 1 << path.offset : bits }
        let keyBytes = paths.flatMap(\.steps).reduce(0) { sum, step in
            if case .key(let name) = step { sum + name.utf8.count } else { sum }
        }
        steps = .allocate(capacity: paths.count * Self.stride)
        steps.initialize(repeating: Step(), count: paths.count * Self.stride)
        levels = .allocate(capacity: Self.stride + 1)
        levels.initialize(repeating: Level(), count: Self.stride + 1)
        keys = .allocate(capacity: max(1, keyBytes))
        var free = keys
        for (field, path) in paths.enumerated() {
            let bit = UInt8(1 << field)
            for (depth, step) in path.steps.enumerated() {
                switch step {
                case .key(let name):
                    levels[depth].key |= bit
                    steps[field * Self.stride + depth].key = UnsafePointer(free)
                    steps[field * Self.stride + depth].keyCount = name.utf8.count
                    for byte in name.utf8 {
                        free.initialize(to: byte)
                        free += 1
                    }
                case .index(let index):
                    levels[depth].index |= bit
                    steps[field * Self.stride + depth].index = index
                case .each:
                    levels[depth].each |= bit
                    if !path.steps[..<depth].contains(.each) { levels[depth].outerEach |= bit }
                case .last: levels[depth].last |= bit
                case .secondLast: levels[depth].secondLast |= bit
                }
            }
            levels[path.steps.count].ends |= bit
            if path.isStartOnly { levels[path.steps.count].starts |= bit }
        }
    }

    deinit {
        steps.deallocate()
        levels.deallocate()
        keys.deallocate()
    }
}
