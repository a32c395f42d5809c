/// What a live view shows, before it is known how large the terminal is.
package struct ScreenPicture: Sendable, Equatable {
    package enum Part: Sendable, Equatable {
        case line(String)
        /// Rows give way when the screen is not high enough; the header stays.
        case table(ScreenTable)
    }

    package var parts: [Part]

    package init(_ parts: [Part]) { self.parts = parts }

    /// The lines for a terminal of `width` columns and `height` rows: none is longer, and there are at most `height - 1`, so that the cursor
    /// behind the last one does not scroll the first one away.
    ///
    /// Tables give up rows (`and 7 more`), the last table first. The first one keeps three: before those, what stands below it goes, from the
    /// bottom.
    package func lines(width: Int, height: Int) -> [String] {
        let room = max(1, height - 1)
        var kept = parts
        let first = parts.firstIndex { if case .table = $0 { true } else { false } } ?? parts.endIndex
        var shown = Self.fitted(kept, first: first, keeping: 3, room: room)
        while shown == nil, kept.count > first + 1 {
            kept.removeLast()
            shown = Self.fitted(kept, first: first, keeping: 3, room: room)
        }
        let rows = shown ?? Self.fitted(kept, first: first, keeping: 1, room: room) ?? kept.map { _ in 0 }
        var lines: [String] = []
        for (part, shown) in zip(kept, rows) {
            switch part {
            case .line(let text): lines.append(Self.cut(text, to: width))
            case .table(let table): lines += table.lines(width: width, rows: shown)
            }
        }
        return Array(lines.prefix(room))
    }

    /// How many rows each part shows so that all have room, where the table at `first` shows `least` at least; nil: that cannot be.
    private static func fitted(_ parts: [Part], first: Int, keeping least: Int, room: Int) -> [Int]? {
        var rows = parts.map { part in if case .table(let table) = part { table.rows.count } else { 0 } }
        var excess = parts.indices.reduce(0) { $0 + Self.height(parts[$1], rows: rows[$1]) } - room
        for index in parts.indices.reversed() where excess > 0 {
            guard case .table(let table) = parts[index], table.rows.count > 1 else { continue }
            let before = Self.height(parts[index], rows: rows[index])
            // One row at least is given up for the line that tells how many.
            rows[index] = max(index == first ? min(least, table.rows.count) : 0, table.rows.count - excess - 1)
            excess -= before - Self.height(parts[index], rows: rows[index])
        }
        return excess > 0 ? nil : rows
    }

    private static func height(_ part: Part, rows: Int) -> Int {
        guard case .table(let table) = part else { return 1 }
        return 1 + rows + (rows < table.rows.count ? 1 : 0)
    }

    /// At most `width` characters, the last one an ellipsis where some are missing.
    package static func cut(_ text: String, to width: Int) -> String {
        guard text.count > width else { return text }
        return width > 0 ? text.prefix(width - 1) + "…" : ""
    }
}

/// Columns that give way, the least important first, where the terminal is too narrow for all.
package struct ScreenTable: Sendable, Equatable {
    package struct Column: Sendable, Equatable {
        package var title: String
        /// 0 stays longest.
        package var rank: Int
        package var isNumber: Bool
        /// Below its widest cell, but not below this, before it is left out. Nil: whole or not at all.
        package var leastWidth: Int?

        package init(_ title: String, rank: Int, isNumber: Bool = false, leastWidth: Int? = nil) {
            self.title = title
            self.rank = rank
            self.isNumber = isNumber
            self.leastWidth = leastWidth
        }
    }

    package let columns: [Column]
    package private(set) var rows: [[String]] = []

    package init(_ columns: [Column]) { self.columns = columns }

    /// One cell per column.
    package mutating func add(_ cells: [String]) {
        precondition(cells.count == columns.count, "a row has \(cells.count) cells, its table \(columns.count) columns")
        rows.append(cells)
    }

    /// Header, the first `rows` rows, and how many are not shown.
    func lines(width: Int, rows shown: Int) -> [String] {
        let widths = fitted(width)
        func line(_ cells: [String]) -> String {
            var parts: [String] = []
            for (index, cell) in cells.enumerated() {
                guard let width = widths[index] else { continue }
                let text = ScreenPicture.cut(cell, to: width)
                let padding = String(repeating: " ", count: width - text.count)
                parts.append(columns[index].isNumber ? padding + text : text + padding)
            }
            var text = parts.joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return ScreenPicture.cut(text, to: width)
        }
        var lines = [line(columns.map(\.title))] + rows.prefix(shown).map(line)
        if shown < rows.count { lines.append(ScreenPicture.cut("and \(rows.count - shown) more", to: width)) }
        return lines
    }

    /// The width of each column; nil: left out. The most important columns are given theirs first.
    private func fitted(_ width: Int) -> [Int?] {
        var widths = [Int?](repeating: nil, count: columns.count)
        var room = width
        let gap = 2
        for index in columns.indices.sorted(by: { (columns[$0].rank, $0) < (columns[$1].rank, $1) }) {
            let full = max(columns[index].title.count, rows.map { $0[index].count }.max() ?? 0)
            let space = room - (room == width ? 0 : gap)
            if full <= space {
                widths[index] = full
            } else if let least = columns[index].leastWidth, max(least, columns[index].title.count) <= space {
                widths[index] = space
            } else {
                continue
            }
            room = space - (widths[index] ?? 0)
        }
        return widths
    }
}
