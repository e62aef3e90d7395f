import Model
import Testing

@Suite("Moments as text, RFC 3339")
struct CivilTimeTests {
    /// From Python's datetime.
    static let vectors: [(Int64, String)] = [
        (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_795_165_200_007, "2026-11-20T09:00:00.007Z"),
        (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        (1_709_164_799_120, "2024-02-28T23:59:59.120Z"),
        (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
    ]

    @Test("are written and read back", arguments: vectors)
    func both(_ milliseconds: Int64, _ text: String) {
        #expect(CivilTime(milliseconds: milliseconds).description == text)
        #expect(CivilTime.milliseconds(text) == milliseconds)
    }

    @Test("follow one another without gap over four hundred years")
    func days() {
        var last = "1999-12-31"
        for day in 0..<146_097 as Range<Int64> {
            let moment = (10_957 + day) * 86_400_000
            let date = CivilTime(milliseconds: moment).date
            let isNext = date > last && CivilTime.milliseconds(date) == moment
            if !isNext { Issue.record("\(last), then \(date)") }
            last = date
        }
        #expect(last == "2399-12-31")
    }

    @Test(
        "are read with offsets, fractions and small letters",
        arguments: [
            ("2026-11-20T09:00:00Z", 0), ("2026-11-20t09:00:00z", 0),
            ("2026-11-20 09:00:00Z", 0), ("2026-11-20T10:30:00+01:30", 0),
            ("2026-11-19T23:00:00-10:00", 0), ("2026-11-20T09:00:00.1Z", 100),
            ("2026-11-20T09:00:00.1239999Z", 123), ("2026-11-20", -32_400_000),
        ] as [(String, Int64)])
    func reading(_ text: String, _ difference: Int64) {
        #expect(CivilTime.milliseconds(text) == 1_795_165_200_000 + difference)
    }

    @Test(
        "are nothing else",
        arguments: [
            "", "2026", "2026-11", "2026-11-2", "26-11-20", "2026-13-01", "2026-00-01",
            "2026-11-00", "2026-11-31", "2026-02-29", "2100-02-29", "2026-11-20T", "2026-11-20T09",
            "2026-11-20T09:00Z", "2026-11-20T09:00:00", "2026-11-20T24:00:00Z",
            "2026-11-20T09:60:00Z", "2026-11-20T09:00:61Z", "2026-11-20T09:00:00.Z",
            "2026-11-20T09:00:00+1:00", "2026-11-20T09:00:00+24:00", "2026-11-20T09:00:00Zx",
            " 2026-11-20", "2026-11-20 ", "2026/11/20", "+026-11-20", "２026-11-20",
        ])
    func wrong(_ text: String) {
        #expect(CivilTime.milliseconds(text) == nil)
    }
}
