import NIOCore

/// One place in a feed's queue: packets in memory, packets on disk, or a hole.
enum PublishEntry {
    case packets(PublishBatch)
    case spilled(SpilledBatch)
    case lost(LostRange)

    var first: Int {
        switch self {
        case .packets(let batch): batch.first
        case .spilled(let batch): batch.first
        case .lost(let range): range.first
        }
    }

    var last: Int {
        switch self {
        case .packets(let batch): batch.last
        case .spilled(let batch): batch.last
        case .lost(let range): range.last
        }
    }

    var firstMilliseconds: Int64 {
        switch self {
        case .packets(let batch): batch.firstMilliseconds
        case .spilled(let batch): batch.firstMilliseconds
        case .lost(let range): range.milliseconds
        }
    }

    var endOffset: Int {
        switch self {
        case .packets(let batch): batch.endOffset
        case .spilled(let batch): batch.endOffset
        case .lost(let range): range.endOffset
        }
    }

    var bytes: Int {
        switch self {
        case .packets(let batch): batch.bytes
        case .spilled(let batch): batch.bytes
        case .lost: 0
        }
    }

    var packets: Int {
        switch self {
        case .packets(let batch): batch.count
        case .spilled(let batch): batch.count
        case .lost: 0
        }
    }

    /// Bytes of memory it takes.
    var memory: Int {
        switch self {
        case .packets(let batch): batch.body.storageCapacity
        case .spilled: SpilledBatch.memory
        case .lost: 0
        }
    }

    /// Never falls from one entry to the next: what the disk answers is found by it.
    var number: UInt64 {
        switch self {
        case .packets(let batch): batch.number
        case .spilled(let batch): batch.number
        case .lost(let range): range.number
        }
    }

    var place: SpillPlace? {
        switch self {
        case .packets(let batch): batch.place
        case .spilled(let batch): batch.place
        case .lost: nil
        }
    }

    var acknowledgedAt: Int64 {
        get {
            switch self {
            case .packets(let batch): batch.acknowledgedAt
            case .spilled(let batch): batch.acknowledgedAt
            case .lost: 0
            }
        }
        set {
            switch self {
            case .packets(var batch):
                batch.acknowledgedAt = newValue
                self = .packets(batch)
            case .spilled(var batch):
                batch.acknowledgedAt = newValue
                self = .spilled(batch)
            case .lost: break
            }
        }
    }
}
