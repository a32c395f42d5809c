internal import Glibc
internal import Synchronization

/// The one writer to a terminal that shows a live picture: pictures and lines take turns, whichever thread they come from.
package final class TerminalScreen: Sendable {
    private let writer = Mutex(ScreenWriter())
    private let output: @Sendable (String) -> Void
    private let size: @Sendable () -> (width: Int, height: Int)

    /// - Parameter output: writes a text whole.
    /// - Parameter size: asked before each writing, so that the terminal may be resized.
    package init(
        size: @escaping @Sendable () -> (width: Int, height: Int) = { TerminalScreen.terminalSize() },
        output: @escaping @Sendable (String) -> Void
    ) {
        self.size = size
        self.output = output
    }

    package func draw(_ picture: ScreenPicture, styled: @Sendable (Int, String) -> String = { $1 }) {
        let (width, height) = size()
        // Written under the lock, so that nothing comes between; it is a terminal, and a person's pace.
        writer.withLock { output($0.draw(picture, width: width, height: height, styled: styled)) }
    }

    /// Above the picture.
    package func print(_ text: String) {
        let (width, height) = size()
        writer.withLock { output($0.print(text, width: width, height: height)) }
    }

    /// The picture stays where it is; what is printed from now on stands below it.
    package func finish() { writer.withLock { $0 = ScreenWriter() } }

    /// Of standard output; 80 by 24 where it does not tell.
    package static func terminalSize() -> (width: Int, height: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }
}
