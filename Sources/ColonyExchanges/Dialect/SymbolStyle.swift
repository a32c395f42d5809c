/// How an exchange writes its symbols, and how other spellings become that one.
package struct SymbolStyle: Sendable {
    package enum Case: Sendable { case upper, lower, asWritten }

    package var letters: Case
    /// What stands between base and quote: empty where nothing does, nil where symbols are taken as they are written.
    package var separator: String?

    package init(_ letters: Case, separator: String?) {
        self.letters = letters
        self.separator = separator
    }

    /// The symbol in this style, or an error for text that cannot be one.
    ///
    /// Another usual separator (`/`, `-`, `_`) is replaced. A symbol without one is split where it ends with a usual quote currency.
    package func canonical(_ symbol: String) throws(DialectError) -> String {
        guard !symbol.isEmpty, symbol.utf8.count <= 64, symbol.unicodeScalars.allSatisfy(Self.isAllowed) else {
            throw DialectError(.badSymbol, "'\(symbol.prefix(64))' is no symbol: write letters, digits and separators, for example BTC-USD")
        }
        if symbol == Topic.allSymbols { return symbol }
        let cased: String
        switch letters {
        case .upper: cased = symbol.uppercased()
        case .lower: cased = symbol.lowercased()
        case .asWritten: cased = symbol
        }
        guard let separator, !(separator.isEmpty ? false : cased.contains(separator)) else { return cased }
        if let other = cased.firstIndex(where: { Self.separators.contains($0) }) {
            return cased[..<other] + separator + cased[cased.index(after: other)...]
        }
        return separator.isEmpty ? cased : split(cased, with: separator)
    }

    private func split(_ symbol: String, with separator: String) -> String {
        let upper = symbol.uppercased()
        for quote in Self.quotes where upper.hasSuffix(quote) && upper.count > quote.count {
            let boundary = symbol.index(symbol.endIndex, offsetBy: -quote.count)
            return symbol[..<boundary] + separator + symbol[boundary...]
        }
        return symbol
    }

    private static let separators: Set<Character> = ["/", "-", "_"]

    private static let quotes = ["USDT", "USDC", "BUSD", "TUSD", "USD", "EUR", "GBP", "JPY", "KRW", "TRY", "BTC", "XBT", "ETH"]

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value > 0x20, scalar.value != 0x7F, !scalar.properties.isWhitespace else { return false }
        return switch scalar {
        case "\"", "\\", "{", "}", "[", "]", ",", "'": false
        default: scalar.properties.generalCategory != .control
        }
    }
}
