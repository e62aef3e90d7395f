import Model

/// A moment as fields have it (RFC 9110 §5.6.7), such as `Sun, 06 Nov 1994 08:49:37 GMT`.
package enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The text for milliseconds since 1970, UTC, not before.
    package static func text(milliseconds: Int64) -> String {
        let time = CivilTime(milliseconds: milliseconds)
        let day = days[Int((max(0, milliseconds) / 86_400_000) % 7)]
        let month = months[Int(time.month - 1)]
        return "\(day), \(padded(time.day)) \(month) \(time.year) "
            + "\(padded(time.hour)):\(padded(time.minute)):\(padded(time.second)) GMT"
    }

    private static func padded(_ number: Int64) -> String {
        number < 10 ? "0\(number)" : String(number)
    }
}
