/// The Retry-After header (RFC 9110 section 10.2.3): seconds, or a date.
enum RetryAfter {
    /// What a response's head asks for, if it does.
    /// - Parameter now: seconds since 1970 on our clock.
    static func of(_ head: HTTPHead, now: Int64) -> Duration? {
        head.values("Retry-After").first.flatMap { parse($0, now: now, serverDate: head.values("Date").first) }
    }

    /// Longer waits than a week are taken for a week.
    static let longest: Int64 = 7 * 86_400

    /// - Parameters:
    ///   - now: seconds since 1970 on our clock, used where the server did not send its own.
    ///   - serverDate: the Date header, so that a wrong clock here does no harm.
    static func parse(_ value: String, now: Int64, serverDate: String?) -> Duration? {
        if !value.isEmpty, value.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return .seconds(min(Int64(value) ?? longest, longest))
        }
        guard let date = HTTPDate.parse(value) else { return nil }
        let reference = serverDate.flatMap { HTTPDate.parse($0) } ?? now
        return .seconds(min(max(date - reference, 0), longest))
    }
}

/// The three date formats of HTTP (RFC 9110 section 5.6.7).
enum HTTPDate {
    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

    /// Seconds since 1970, or nil.
    static func parse(_ text: String) -> Int64? {
        let parts = text.lowercased().split { $0 == " " || $0 == "," || $0 == "-" }.map(String.init)
        // "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6 08:49:37 1994".
        guard parts.count == 6 || parts.count == 5 else { return nil }
        let isAsctime = parts.count == 5
        guard let month = months.firstIndex(of: isAsctime ? parts[1] : parts[2]), let day = Int64(isAsctime ? parts[2] : parts[1]),
            var year = Int64(isAsctime ? parts[4] : parts[3]), isAsctime || parts[5] == "gmt"
        else { return nil }
        if year < 100 { year += year < 70 ? 2000 : 1900 }
        let clock = (isAsctime ? parts[3] : parts[4]).split(separator: ":").map { Int64($0) }
        guard clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2], (1...31).contains(day),
            (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second), (1970...9999).contains(year)
        else { return nil }
        return days(year, Int64(month) + 1, day) * 86_400 + hour * 3600 + minute * 60 + second
    }

    /// Days since 1970-01-01 of a date of the Gregorian calendar; years are counted from March, so that the leap day comes last.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }
}
