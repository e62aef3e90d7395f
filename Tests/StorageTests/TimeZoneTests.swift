import FoundationEssentials
import Model
import Testing

@testable import Storage

@Suite("Time zones")
struct TimeZoneTests {
    /// Rules with the offsets around their changes in 2095, from Python's zoneinfo.
    private static let rules: [(String, [(Int64, Int64)])] = [
        (
            "CET-1CEST,M3.5.0,M10.5.0/3",
            [(3952025999, 3600), (3952026000, 7200), (3970774799, 7200), (3970774800, 3600)]
        ),
        (
            "EST5EDT,M3.2.0,M11.1.0",
            [
                (3950837999, -18000), (3950838000, -14400), (3971397599, -14400),
                (3971397600, -18000),
            ]
        ),
        (
            "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
            [(3952594799, 39600), (3952594800, 37800), (3968321399, 37800), (3968321400, 39600)]
        ),
        ("<+0545>-5:45", [(3944678400, 20700)]),
        (
            "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
            [(3952025999, -7200), (3952026000, -3600), (3970774799, -3600), (3970774800, -7200)]
        ),
        (
            "<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45",
            [(3952591199, 49500), (3952591200, 45900), (3967711199, 45900), (3967711200, 49500)]
        ),
        (
            "<-04>4<-03>,M9.1.6/24,M4.1.6/24",
            [
                (3952637999, -10800), (3952638000, -14400), (3965947199, -14400),
                (3965947200, -10800),
            ]
        ),
        (
            "<+00>0<+02>-2,M3.5.0/1,M10.5.0/3",
            [(3952025999, 0), (3952026000, 7200), (3970774799, 7200), (3970774800, 0)]
        ),
        (
            "IST-1GMT0,M10.5.0,M3.5.0/1",
            [(3952025999, 0), (3952026000, 3600), (3970774799, 3600), (3970774800, 0)]
        ),
        (
            "EET-2EEST,M3.4.4/50,M10.4.4/50",
            [(3951935999, 7200), (3951936000, 10800), (3970681199, 10800), (3970681200, 7200)]
        ),
    ]

    @Test("change at the second that their rule says", arguments: rules)
    func rule(_ text: String, _ moments: [(Int64, Int64)]) throws {
        let rule = try #require(TimeZoneRule(text))
        for (time, offset) in moments { #expect(rule.offset(at: time) == offset, "\(time)") }
    }

    /// Julian days: 1 March is day 60 without leap days, and day 59 or 60 with them, from 0.
    @Test(
        "count days of the year with and without 29 February",
        arguments: [
            ("ABC0DEF,J60,J61", "2095-03-01"), ("ABC0DEF,J60,J61", "2096-03-01"),
            ("ABC0DEF,59,60", "2095-03-01"), ("ABC0DEF,59,60", "2096-02-29"),
        ])
    func daysOfYear(_ text: String, _ date: String) throws {
        let rule = try #require(TimeZoneRule(text))
        let change = try #require(CivilTime.milliseconds(date)) / 1000 + 7200
        #expect(rule.offset(at: change - 1) == 0)
        #expect(rule.offset(at: change) == 3600)
        #expect(rule.offset(at: change + 82_799) == 3600)
        #expect(rule.offset(at: change + 82_800) == 0)
    }

    @Test(
        "refuse rules that are none",
        arguments: [
            "", "C", "CE1", "CET", "CET-25", "CET-1CEST", "CET-1CEST,", "CET-1CEST,M3.5.0",
            "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
            "CET-1CEST,M3.5.0,M10.5.0/168", "CET-1CEST,J0,J1", "CET-1CEST,366,1", "CET-1 ",
            "<CET-1", "CET-1CEST,M3.5.0,M10.5.0x", "CET-1:60",
        ])
    func wrongRules(_ text: String) {
        #expect(TimeZoneRule(text) == nil)
    }

    @Test("read zone files: before, between and after their entries")
    func file() throws {
        let bytes = zoneFile(
            transitions: [(-100, 1), (200, 0)], offsets: [3600, -7200], footer: "ABC-5")
        let file = try #require(TimeZoneFile(bytes))
        let told = [-101, -100, 199, 200, 10_000_000_000].map { file.offset(at: $0) }
        #expect(told == [3600, -7200, -7200, 18_000, 18_000])
        let silent = try #require(
            TimeZoneFile(zoneFile(transitions: [(5, 1)], offsets: [60, 120], footer: "")))
        #expect(silent.offset(at: 10_000_000_000) == 120)
    }

    @Test("refuse a zone file that is cut anywhere, and one with an unknown type")
    func damagedFile() {
        let bytes = zoneFile(transitions: [(1, 1)], offsets: [0, 1], footer: "ABC-5")
        let dataEnd = bytes.count - "ABC-5\n\n".utf8.count
        for length in 0..<dataEnd { #expect(TimeZoneFile(Array(bytes[..<length])) == nil) }
        #expect(TimeZoneFile(zoneFile(transitions: [(1, 2)], offsets: [0, 1], footer: "")) == nil)
        let unordered = zoneFile(transitions: [(2, 1), (1, 0)], offsets: [0, 1], footer: "")
        #expect(TimeZoneFile(unordered) == nil)
    }

    @Test("say which day a moment belongs to, and when a day begins")
    func days() throws {
        let folder = Folder()
        // Berlin's rule: 29 March 2026 has 23 hours, 25 October 25.
        let bytes = zoneFile(
            transitions: [(0, 0)], offsets: [3600], footer: "CET-1CEST,M3.5.0,M10.5.0/3")
        _ = FileManager.default.createFile(
            atPath: folder.file("Berlin"), contents: Data(bytes), attributes: nil)
        let days = try #require(DayRules(zone: "Berlin", directory: folder.path))
        func moment(_ text: String) throws -> Int64 { try #require(CivilTime.milliseconds(text)) }
        for (text, day) in [
            ("2026-03-28T22:59:59.999Z", "2026-03-28"), ("2026-03-28T23:00:00Z", "2026-03-29"),
            ("2026-03-29T21:59:59Z", "2026-03-29"), ("2026-03-29T22:00:00Z", "2026-03-30"),
            ("2026-10-25T22:59:59Z", "2026-10-25"), ("2026-10-25T23:00:00Z", "2026-10-26"),
        ] {
            #expect(days.day(ofMilliseconds: try moment(text)) == day, "\(text)")
        }
        for (day, start) in [
            ("2026-03-29", "2026-03-28T23:00:00Z"), ("2026-03-30", "2026-03-29T22:00:00Z"),
            ("2026-10-25", "2026-10-24T22:00:00Z"), ("2026-10-26", "2026-10-25T23:00:00Z"),
        ] {
            #expect(days.start(ofDayWithMidnight: try moment(day)) == (try moment(start)), "\(day)")
        }
    }

    @Test(
        "are found by name only, never by path",
        arguments: ["", "../Berlin", "/etc/passwd", "a//b", "Berlin/", "no such", "Berlin\u{0}"])
    func names(_ name: String) throws {
        #expect(DayRules(zone: name) == nil)
    }

    @Test("of the system are read where it has them")
    func system() throws {
        let path = "/usr/share/zoneinfo/Europe/Berlin"
        let rules = DayRules(zone: "Europe/Berlin")
        #expect((rules != nil) == FileManager.default.fileExists(atPath: path))
        let summer = try #require(CivilTime.milliseconds("2026-07-01T12:00:00Z"))
        #expect([nil, 7200].contains(rules?.offsetSeconds(atMilliseconds: summer)))
        #expect(DayRules(zone: "UTC")?.offsetSeconds(atMilliseconds: summer) == 0)
    }

    /// A version 2 file with an empty part for 32 bits.
    private func zoneFile(
        transitions: [(Int64, UInt8)], offsets: [Int32], footer: String
    ) -> [UInt8] {
        func big(_ value: Int64, _ count: Int) -> [UInt8] {
            (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> Int64(8 * $0)) }
        }
        func header(_ times: Int, _ types: Int, _ characters: Int) -> [UInt8] {
            Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15)
                + [0, 0, 0, times, types, characters].flatMap { big(Int64($0), 4) }
        }
        var bytes = header(0, 1, 1) + big(0, 4) + [0, 0, 0]
        bytes += header(transitions.count, offsets.count, 4)
        bytes += transitions.flatMap { big($0.0, 8) } + transitions.map(\.1)
        for offset in offsets { bytes += big(Int64(offset), 4) + [0, 0] }
        return bytes + Array("ABC\0\n\(footer)\n".utf8)
    }
}
