/// A decimal number with a fixed number of places, printed in full: `97120.40`.
package struct Fixed: Sendable, Equatable, CustomStringConvertible {
    package var units: Int64
    package var places: Int

    package init(_ units: Int64, places: Int) {
        self.units = units
        self.places = places
    }

    package var description: String {
        let digits = String(units.magnitude)
        let sign = units < 0 ? "-" : ""
        guard places > 0 else { return sign + digits }
        let padded = digits.count > places ? digits : String(repeating: "0", count: places + 1 - digits.count) + digits
        return sign + padded.dropLast(places) + "." + padded.suffix(places)
    }

    /// The number as JSON writes it, without trailing zeros: `97120.4`.
    package var shortest: String {
        guard places > 0 else { return description }
        var text = Substring(description)
        while text.last == "0" { text = text.dropLast() }
        if text.last == "." { text = text.dropLast() }
        return String(text)
    }
}
