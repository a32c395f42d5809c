/// One price of an order book.
package struct BookLevel: Sendable, Equatable {
    package var price: Fixed
    package var size: Fixed
}

extension [BookLevel] {
    /// `[["97120.40","0.25000"],...]`, or with bare numbers; `tail` follows the size (`,"0"`).
    package func pairs(quoted: Bool = true, tail: String = "") -> String {
        "["
            + map { quoted ? "[\"\($0.price)\",\"\($0.size)\"\(tail)]" : "[\($0.price.shortest),\($0.size.shortest)\(tail)]" }
            .joined(separator: ",") + "]"
    }

    /// `[{"price":97120.4,"size":0.25},...]` with members of the given names.
    package func objects(_ price: String, _ size: String, quoted: Bool = false, tail: String = "") -> String {
        let quote = quoted ? "\"" : ""
        let members = map { level in
            let (priceText, sizeText) =
                quoted ? (level.price.description, level.size.description) : (level.price.shortest, level.size.shortest)
            return "{\"\(price)\":\(quote)\(priceText)\(quote),\"\(size)\":\(quote)\(sizeText)\(quote)\(tail)}"
        }
        return "[" + members.joined(separator: ",") + "]"
    }
}
