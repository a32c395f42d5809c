import Foundation
import Testing

/// What an operator is told at `notice` and above is explained to him.
@Suite struct RunbookTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized

    /// The simulated exchanges are no part of production.
    private static func messages() throws -> [(text: String, file: String)] {
        let sources = root.appending(path: "Sources")
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
            .compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" && !$0.path.contains("/Simulator/") }
        let call = try Regex<(Substring, Substring)>(#"[lL]ogger\??\.(?:notice|warning|error|critical)\(\s*"((?:[^"\\]|\\.)*)""#)
        return try files.flatMap { file in
            try String(contentsOf: file, encoding: .utf8).matches(of: call).map { (String($0.output.1), file.lastPathComponent) }
        }
    }

    @Test func `every message that asks for attention stands in the runbook`() throws {
        let readme = try String(contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
        let start = try #require(readme.range(of: "\n## Runbook\n"))
        let rest = readme[start.upperBound...]
        let runbook = rest[..<(rest.range(of: "\n## ")?.lowerBound ?? rest.endIndex)]
        let messages = try Self.messages()
        #expect(messages.count > 40)
        for (text, file) in messages { #expect(runbook.contains(text), "'\(text)' (\(file)) is not in the README's runbook") }
    }
}
