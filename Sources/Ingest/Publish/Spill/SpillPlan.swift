/// Where a batch lies on disk.
package struct SpillPlace: Hashable, Sendable {
    /// Number of the segment file.
    package var segment: Int
    /// Bytes from its start, and bytes of the whole record.
    package var offset: Int
    package var length: Int
}

/// Which segment files a feed's spilled batches lie in, and when a file is no longer needed. Knows sizes only.
///
/// A segment is written from front to back and deleted as a whole, as soon as nothing in it is needed any more.
package struct SpillPlan {
    private struct Segment {
        var bytes = 0
        var needed = 0
    }

    /// Bytes all segments may take together. The feeds of a worker share one bound, so it moves with what the others use.
    package var maxBytes: Int
    private let segmentBytes: Int
    private var segments: [Int: Segment] = [:]
    private var current = 0
    /// Bytes on disk, those of batches no longer needed included while their segment stands.
    package private(set) var usedBytes = 0

    package init(maxBytes: Int, segmentBytes: Int = 8 << 20) {
        self.maxBytes = maxBytes
        // Even a small bound leaves several segments, so that space comes free piece by piece.
        self.segmentBytes = max(1, min(segmentBytes, maxBytes / 8))
    }

    package var segmentCount: Int { segments.count }

    /// Room for a record, or nil when the bound is reached.
    package mutating func place(_ length: Int) -> SpillPlace? {
        guard usedBytes + length <= maxBytes else { return nil }
        if segments[current, default: Segment()].bytes >= segmentBytes { current += 1 }
        let offset = segments[current, default: Segment()].bytes
        segments[current, default: Segment()].bytes += length
        segments[current, default: Segment()].needed += 1
        usedBytes += length
        return SpillPlace(segment: current, offset: offset, length: length)
    }

    /// The record is no longer needed. Returns the segment to delete, if it was the last one in it.
    package mutating func release(_ place: SpillPlace) -> Int? {
        guard var segment = segments[place.segment] else { return nil }
        segment.needed -= 1
        guard segment.needed == 0 else {
            segments[place.segment] = segment
            return nil
        }
        segments[place.segment] = nil
        usedBytes -= segment.bytes
        if place.segment == current { current += 1 }
        return place.segment
    }

    /// Forgets everything; returns the segments to delete.
    package mutating func discard() -> [Int] {
        let all = segments.keys.sorted()
        segments = [:]
        usedBytes = 0
        current += 1
        return all
    }
}
