import Options
import Testing

@Suite("Durations and sizes")
struct UnitTests {
    @Test(arguments: [
        ("10s", Duration.seconds(10)), ("1h2m3.5s", .milliseconds(3_723_500)),
        ("300ms", .milliseconds(300)), ("1.5h", .seconds(5400)), ("0", .zero),
        ("-5s", .seconds(-5)),
        ("+1m", .seconds(60)), ("7us", .microseconds(7)), ("7µs", .microseconds(7)),
        ("5ns", .nanoseconds(5)), (".5s", .milliseconds(500)), ("1.s", .seconds(1)),
    ])
    func `Go's syntax is read`(text: String, value: Duration) {
        #expect(Units.duration(text) == value)
    }

    @Test(arguments: [
        "", "10", "s", "10 s", "10x", "1d", "--1s", "1..5s", "9999999999999999999s", "300000h0.5",
        "9999999h", ".s", "1s ", "5٣s",
    ])
    func `other text is no duration`(text: String) {
        #expect(Units.duration(text) == nil)
    }

    @Test func `days are read where they are allowed`() {
        #expect(Units.duration("1d12h", allowsDays: true) == .seconds(36 * 3600))
    }

    @Test func `a bare number is read by the rule of its place`() {
        let node = mapping(["a": plain("10"), "b": quoted("10")])
        var reader = OptionReader(node)
        #expect(reader.duration("a", bareNumber: .isSeconds) == .seconds(10))
        #expect(reader.duration("b", bareNumber: .isSeconds) == .seconds(10))
        #expect(reader.said.isEmpty)
        #expect(reader.duration("a", bareNumber: .isNanoseconds) == .nanoseconds(10))
        #expect(reader.duration("b", bareNumber: .isNanoseconds) == nil)
        #expect(reader.duration("a") == nil)
        #expect(
            reader.said == [
                "1:10 warning: 'a' has no unit and is read as nanoseconds, as in gost"
                    + " (write 10s for seconds)",
                "1:10 error: 'b' needs a unit (write 10s for seconds)",
                "1:10 error: 'a' needs a unit (write 10s for seconds)",
            ])
    }

    @Test func `a duration out of its range is said`() {
        var reader = OptionReader(mapping(["a": plain("1ms"), "b": plain("-1s"), "c": plain("9")]))
        let range = Duration.seconds(1)...Duration.seconds(60)
        #expect(reader.duration("a", default: .seconds(5), in: range) == .seconds(5))
        #expect(reader.duration("b", default: .seconds(5)) == .seconds(5))
        #expect(
            reader.said == [
                "1:10 error: 'a' must be from 1s to 1m", "1:10 error: 'b' must be at least 0s",
            ])
    }

    @Test(arguments: [
        (Duration.zero, "0s"), (.seconds(90), "1m30s"), (.milliseconds(250), "250ms"),
        (.seconds(86_400), "1d"), (.seconds(-5), "-5s"),
    ])
    func `durations are written as they are read`(value: Duration, text: String) {
        #expect(value.text == text)
        #expect(Units.duration(text, allowsDays: true) == value)
    }

    @Test(arguments: [
        ("0", 0), ("512B", 512), ("64KiB", 65_536), ("64KB", 65_536), ("10 MB", 10 << 20),
        ("2GiB", 2 << 30), ("1TB", 1 << 40), ("1.5MB", 3 << 19), ("0.5KiB", 512), ("1.0001B", 1),
    ])
    func `sizes are powers of 1024`(text: String, value: Int) {
        #expect(Units.bytes(text) == value)
    }

    @Test(arguments: ["", "12", "KB", "4k", "4kb", "-1KB", "99999999TB", "1.MB", ".5MB"])
    func `other text is no size`(text: String) {
        #expect(Units.bytes(text) == nil)
    }

    @Test func `a size without its unit is said`() {
        var reader = OptionReader(
            mapping(["a": plain("4096"), "b": plain("4k"), "c": plain("1B")]))
        #expect(reader.bytes("a", default: 1) == 1)
        #expect(reader.bytes("b", default: 1) == 1)
        #expect(reader.bytes("c", default: 1024, in: 1024...2048) == 1024)
        #expect(
            reader.said == [
                "1:10 error: 'a' needs a unit (such as 512B, 64KiB, 10MiB, 2GiB)",
                "1:10 error: 'b' must be a size with its unit"
                    + " (such as 512B, 64KiB, 10MiB, 2GiB)",
                "1:10 error: 'c' must be at least 1024 and at most 2048 bytes",
            ])
    }

    @Test func `milliseconds are cut, not wrapped`() {
        #expect(Duration.microseconds(1999).wholeMilliseconds == 1)
        #expect(Duration.seconds(Int64.max).wholeMilliseconds == .max)
        #expect(Duration.seconds(Int64.min + 1).wholeMilliseconds == .min)
    }
}
