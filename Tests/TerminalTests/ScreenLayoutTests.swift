import Synchronization
import Terminal
import Testing

@Suite struct ScreenLayoutTests {
    private func table(_ count: Int, note: String = "cooling 48 s") -> ScreenTable {
        var table = ScreenTable([
            .init("FEED", rank: 0), .init("HOLDER", rank: 2), .init("PER S", rank: 1, isNumber: true),
            .init("NOTE", rank: 3, leastWidth: 6),
        ])
        for index in 0..<count { table.add(["feed-\(index)", "worker-\(index)", "60", note]) }
        return table
    }

    private func picture(_ count: Int, note: String = "cooling 48 s") -> ScreenPicture {
        ScreenPicture([.line("head"), .table(table(count, note: note)), .line(String(repeating: "x", count: 101))])
    }

    @Test(arguments: [(80, 24), (120, 40), (20, 8), (40, 5), (10, 3), (1, 1), (80, 2)])
    func `no line is wider than the terminal and none scrolls away`(width: Int, height: Int) {
        let lines = picture(30, note: String(repeating: "reason ", count: 40)).lines(width: width, height: height)
        #expect(lines.count <= max(1, height - 1))
        #expect(lines.allSatisfy { $0.count <= width })
    }

    @Test func `what has room is shown whole`() {
        let lines = picture(2).lines(width: 120, height: 24)
        #expect(lines.count == 5)
        #expect(lines[1] == "FEED    HOLDER    PER S  NOTE")
        #expect(lines[2] == "feed-0  worker-0     60  cooling 48 s")
        #expect(lines[4].count == 101)
    }

    @Test func `the columns that matter least go first, and a note is cut before it goes`() {
        #expect(picture(1).lines(width: 34, height: 9)[2] == "feed-0  worker-0     60  cooling …")
        #expect(picture(1).lines(width: 30, height: 9)[2] == "feed-0  worker-0     60")
        #expect(picture(1).lines(width: 15, height: 9)[2] == "feed-0     60")
        #expect(picture(1).lines(width: 8, height: 9)[2] == "feed-0")
    }

    @Test func `rows that have no room are counted, and what stands below the table stays`() {
        let lines = picture(11).lines(width: 80, height: 8)
        #expect(lines.count == 7)
        #expect(lines[2].hasPrefix("feed-0"))
        #expect(lines[5] == "and 8 more")
        #expect(lines[6].hasPrefix("xxx"))
    }

    @Test func `three rows of the first table outlive what stands below it`() {
        let parts: [ScreenPicture.Part] = [.line("head"), .table(table(9)), .line(""), .table(table(4)), .line("foot")]
        let lines = ScreenPicture(parts).lines(width: 80, height: 7)
        #expect(lines.count == 6)
        #expect(lines[4].hasPrefix("feed-2"))
        #expect(lines[5] == "and 6 more")
        #expect(ScreenPicture(parts).lines(width: 80, height: 5).last == "and 8 more")
    }

    @Test func `of two tables the lower one gives way first`() {
        let lines = ScreenPicture([.table(table(4)), .table(table(9))]).lines(width: 80, height: 11)
        #expect(lines.count == 10)
        #expect(lines[4].hasPrefix("feed-3"))
        #expect(lines[9] == "and 6 more")
    }
}

/// Redrawing, judged by a terminal that knows the three control sequences in use.
@Suite struct ScreenWriterTests {
    /// Rows of text; wraps and scrolls like a terminal.
    private struct Screen {
        let width: Int
        let height: Int
        var rows: [String] = [""]
        var scrolled: [String] = []
        var row = 0

        mutating func take(_ text: String) {
            var rest = Array(text.unicodeScalars)[...]
            while let scalar = rest.popFirst() {
                switch scalar {
                case "\u{1b}":
                    rest = rest.dropFirst()
                    let digits = rest.prefix { ("0"..."9").contains($0) }
                    rest = rest.dropFirst(digits.count)
                    let count = Int(String(String.UnicodeScalarView(digits))) ?? 0
                    if rest.popFirst() == "A" { row = max(0, row - count) } else { rows = Array(rows[..<row]) + [""] }
                case "\n": down()
                case "\r": break
                default:
                    if rows[row].count == width { down() }
                    rows[row].unicodeScalars.append(scalar)
                }
            }
        }

        private mutating func down() {
            row += 1
            if row == rows.count { rows.append("") }
            if rows.count > height {
                scrolled.append(rows.removeFirst())
                row -= 1
            }
        }
    }

    private func picture(_ texts: [String]) -> ScreenPicture { ScreenPicture(texts.map { .line($0) }) }

    @Test(arguments: [3, 8, 24])
    func `a picture drawn again and again leaves nothing behind`(height: Int) {
        var screen = Screen(width: 20, height: height)
        var writer = ScreenWriter()
        for turn in 0..<50 {
            let long = String(repeating: "y", count: 30)
            screen.take(writer.draw(picture((0..<10).map { "\(turn) \($0) \(long)" }), width: 20, height: height))
        }
        #expect(screen.scrolled.isEmpty)
        #expect(screen.rows.dropLast().allSatisfy { $0.hasPrefix("49 ") })
        #expect(screen.rows.count == min(11, height))
    }

    @Test func `a line printed between two pictures stands above them, once and whole`() {
        var screen = Screen(width: 20, height: 10)
        var writer = ScreenWriter()
        screen.take(writer.draw(picture(["one", "two"]), width: 20, height: 10))
        screen.take(writer.print("worker ended", width: 20, height: 10))
        #expect(screen.rows == ["worker ended", "one", "two", ""])
        screen.take(writer.draw(picture(["three", "four", "five"]), width: 20, height: 10))
        #expect(screen.rows == ["worker ended", "three", "four", "five", ""])
    }

    @Test func `lines that a narrower terminal has wrapped are cleared too`() {
        var writer = ScreenWriter()
        _ = writer.draw(picture([String(repeating: "a", count: 40), "b"]), width: 80, height: 24)
        var screen = Screen(width: 20, height: 24)
        screen.take(String(repeating: "a", count: 40) + "\nb\n")
        screen.take(writer.draw(picture(["c"]), width: 20, height: 24))
        #expect(screen.rows == ["c", ""])
    }

    @Test func `the size is asked before each writing`() {
        let written = Mutex<[String]>([])
        let width = Mutex(10)
        let screen = TerminalScreen(size: { (width.withLock { $0 }, 24) }, output: { text in written.withLock { $0.append(text) } })
        screen.draw(picture([String(repeating: "z", count: 30)]))
        width.withLock { $0 = 5 }
        screen.draw(picture([String(repeating: "z", count: 30)]))
        let texts = written.withLock { $0 }
        #expect(texts.first == "zzzzzzzzz…\n")
        #expect(texts.last?.hasSuffix("\u{1b}[Jzzzz…\n") == true)
    }
}
