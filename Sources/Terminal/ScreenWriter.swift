/// What to write so that a picture replaces the one before it and other lines stay above it. A value: it knows what is on the terminal.
///
/// A row of the terminal is assumed per line: lines must not be wider than the terminal, as `ScreenPicture.lines` makes them.
package struct ScreenWriter: Sendable {
    private var lines: [String] = []
    private var width = 0

    package init() {}

    /// Text and control sequences that put `picture` where the last one was. `styled` gives a line its colours; it must not change its width.
    package mutating func draw(
        _ picture: ScreenPicture, width: Int, height: Int, styled: (Int, String) -> String = { $1 }
    ) -> String {
        var text = cleared(width: width, height: height)
        lines = picture.lines(width: width, height: height)
        self.width = width
        for (index, line) in lines.enumerated() { text += styled(index, line) + "\n" }
        return text
    }

    /// Prints `text` above the picture, which is drawn again below it.
    package mutating func print(_ text: String, width: Int, height: Int) -> String {
        let output = cleared(width: width, height: height)
        let kept = lines
        lines = kept.map { ScreenPicture.cut($0, to: width) }
        self.width = width
        return output + text + (text.hasSuffix("\n") ? "" : "\n") + lines.map { $0 + "\n" }.joined()
    }

    /// To the top of the last picture, and everything below it away. A terminal that became narrower has wrapped its lines.
    private func cleared(width: Int, height: Int) -> String {
        guard !lines.isEmpty else { return "" }
        let rows = lines.reduce(0) { $0 + max(1, ($1.count + max(1, width) - 1) / max(1, width)) }
        return "\u{1b}[\(min(rows, max(1, height - 1)))A\r\u{1b}[J"
    }
}
