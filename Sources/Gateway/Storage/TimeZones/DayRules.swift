import FoundationEssentials
import Model

/// Which day a moment belongs to in a time zone, from the system's zone files.
///
/// FoundationEssentials knows fixed offsets only and all of Foundation may not be imported, so the
/// zone files (RFC 9636) are read here.
package struct DayRules: Sendable {
    private let file: TimeZoneFile?

    /// UTC, for which no file is needed.
    package static let utc = DayRules(file: nil)

    private init(file: TimeZoneFile?) { self.file = file }

    /// The rules of an IANA zone; nil where the system does not have it.
    package init?(zone: String, directory: String = "/usr/share/zoneinfo") {
        if zone == "UTC" {
            self = .utc
            return
        }
        let parts = zone.split(separator: "/", omittingEmptySubsequences: false)
        let isName = parts.allSatisfy { part in
            !part.isEmpty && part.utf8.allSatisfy { Self.isNameByte($0) }
        }
        guard isName, let data = FileManager.default.contents(atPath: "\(directory)/\(zone)"),
            let file = TimeZoneFile(Array(data))
        else { return nil }
        self.file = file
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122, 43, 45, 95: true  // + - _
        default: false
        }
    }

    /// Seconds to add to UTC at a moment.
    package func offsetSeconds(atMilliseconds moment: Int64) -> Int64 {
        let (quotient, remainder) = moment.quotientAndRemainder(dividingBy: 1000)
        return file?.offset(at: remainder < 0 ? quotient - 1 : quotient) ?? 0
    }

    /// The day of a moment, as `2026-11-20`.
    package func day(ofMilliseconds moment: Int64) -> String {
        CivilTime(milliseconds: moment + offsetSeconds(atMilliseconds: moment) * 1000).date
    }

    /// The first moment of a day; `midnight` is that of the same date in UTC.
    package func start(ofDayWithMidnight midnight: Int64) -> Int64 {
        // The offset that counts is the one at the moment sought: ask again near it.
        let near = midnight - offsetSeconds(atMilliseconds: midnight) * 1000
        return midnight - offsetSeconds(atMilliseconds: near) * 1000
    }
}
