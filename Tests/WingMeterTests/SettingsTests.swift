import Options
import PluginKit
import Testing

@testable import WingMeter

@Suite("The Wing meter's options")
struct SettingsTests {
    private func read(_ options: Option) -> (WingMeterSettings, [String]) {
        var reader = OptionReader(options.node)
        let settings = WingMeterSettings(from: &reader)
        return (settings, reader.finish().map { "\($0.severity.rawValue): \($0.message)" })
    }

    @Test("have defaults for everything")
    func defaults() {
        let (settings, problems) = read([:])
        #expect(problems.isEmpty)
        #expect(settings.intervalMilliseconds == 5000)
        #expect(settings.databasePath(stateDirectory: "var") == "var/usage.db")
        #expect(settings.recordPath == nil)
        #expect(!settings.reportsIntervals)
        #expect(settings.retentionMilliseconds == 90 * 86_400_000)
        #expect(settings.flowRetentionMilliseconds == 7 * 86_400_000)
        #expect(settings.destinations == 10_000)
        #expect(settings.timeZone == "UTC")
    }

    @Test("are read")
    func read() {
        let (settings, problems) = read([
            "interval": "1m", "store": ["sqlite": "a.db"],
            "flows": ["jsonl": "f", "intervals": "true"], "retention": "1d",
            "flowRetention": "2h", "destinations": "5", "timeZone": "UTC", "reportLog": "true",
        ])
        #expect(problems.isEmpty)
        #expect(settings.intervalMilliseconds == 60_000)
        #expect(settings.databasePath(stateDirectory: "var") == "a.db")
        #expect(settings.recordPath == "f")
        #expect(settings.reportsIntervals)
        #expect(settings.retentionMilliseconds == 86_400_000)
        #expect(settings.flowRetentionMilliseconds == 7_200_000)
        #expect(settings.destinations == 5)
    }

    @Test(
        "are refused where they are wrong",
        arguments: [
            (["interval": "5"], "error: 'interval' needs a unit"),
            (["interval": "1ms"], "error: 'interval' must be from 1s to 1d"),
            (["destinations": "0"], "error: 'destinations' must be"),
            (["timeZone": "Mars/Olympus"], "error: there is no time zone 'Mars/Olympus'"),
            (["store": ["sqllite": "x"]], "error: unknown key 'sqllite'"),
            (["stor": ["sqlite": "x"]], "error: unknown key 'stor'"),
        ] as [(Option, String)])
    func wrong(_ options: Option, _ message: String) {
        let (_, problems) = read(options)
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix(message) == true, "\(problems)")
    }
}
