/// The id of a stream entry: `<ms>-<E><S as 12 digits>`.
///
/// The ids of a feed, over all its streams, grow strictly in arrival order; comparing (ms, epoch, sequence) merges the streams.
public struct EntryID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Milliseconds since 1970 on Redis' clock, never below that of the feed's entry before.
    public var milliseconds: Int64
    public var epoch: Int
    /// 0 opens an epoch; below 10^12.
    public var sequence: Int

    public init(milliseconds: Int64, epoch: Int, sequence: Int) {
        self.milliseconds = milliseconds
        self.epoch = epoch
        self.sequence = sequence
    }

    public static let sequencesPerEpoch = 1_000_000_000_000
    public static let maximumEpoch = 18_000_000

    /// Parses an id of this layout; nil for anything else. Epoch 0 stands for ids that Redis or a person made (`<ms>-0`).
    public init?(_ text: some StringProtocol) {
        guard let dash = text.firstIndex(of: "-"), let milliseconds = Int64(text[..<dash]), milliseconds >= 0 else { return nil }
        let tail = text[text.index(after: dash)...]
        guard !tail.isEmpty, tail.utf8.count <= 20, tail.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
        let digits = tail.suffix(12)
        let head = tail.dropLast(12)
        guard let sequence = Int(digits), let epoch = head.isEmpty ? 0 : Int(head) else { return nil }
        self.init(milliseconds: milliseconds, epoch: epoch, sequence: sequence)
    }

    public var description: String {
        if epoch == 0 { return "\(milliseconds)-\(sequence)" }
        let digits = String(sequence)
        return "\(milliseconds)-\(epoch)\(String(repeating: "0", count: 12 - digits.count))\(digits)"
    }

    public static func < (left: EntryID, right: EntryID) -> Bool {
        (left.milliseconds, left.epoch, left.sequence) < (right.milliseconds, right.epoch, right.sequence)
    }
}
