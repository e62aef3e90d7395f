import Model
import PluginKit
import Synchronization
import Testing

@testable import WingMeter

@Suite("weir usage")
struct UsageCommandTests {
    /// What a run of the command said.
    struct Said: Equatable {
        var status: Int32
        var output = ""
        var complaints: [String] = []
        var questions: [String] = []

        /// The rows of a CSV: keys, total bytes, flows.
        func rows(keys: Int) -> [String] {
            output.split(separator: "\r\n").dropFirst().map { line in
                let fields = line.split(separator: ",", omittingEmptySubsequences: false)
                let numbers = fields[keys...].compactMap { UInt64($0) }
                let values = fields[..<keys].joined(separator: ",")
                return "\(values) \(numbers[0] + numbers[1]) \(numbers[2])"
            }
        }
    }

    private struct NobodyThere: Error {}

    private let bench = Workbench()
    private let folder: Folder

    init() throws { folder = try Folder() }

    /// Runs the command with one meter configured, which has its database in the folder.
    private func usage(
        _ words: [String] = [], plugins: [(String, Option)] = [("meter", [:])],
        answer: String? = nil
    ) async -> Said {
        let said = Mutex(Said(status: 0))
        let context = CommandContext(
            arguments: words,
            plugins: plugins.map {
                (guid: $0.0, type: "wing-meter", settings: bench.settings($0.1))
            },
            stateDirectory: folder.path, output: { text in said.withLock { $0.output += text } },
            complain: { line in said.withLock { $0.complaints.append(line) } },
            askGateway: { path, request in
                said.withLock { $0.questions.append("\(path) \(request)") }
                guard let answer else { throw NobodyThere() }
                return answer
            })
        let status = await WingMeter.commands[0].run(context)
        said.withLock { $0.status = status }
        return said.withLock { $0 }
    }

    /// Three flows of two users on two days.
    private func fill() async throws {
        let meter = bench.meter([:], in: folder.path)
        try await meter.start()
        let (t, day) = (Workbench.morning, Int64(86_400_000))
        func end(_ flow: FlowInfo, _ up: UInt64, _ down: UInt64, at moment: Int64) -> FlowEvent {
            .closed(flow, FlowCounts(up: up, down: down), .finished, atMilliseconds: moment)
        }
        _ = try await meter.observe(
            FlowBatch(
                sequence: 1,
                events: [
                    end(flow(1, user: "alice", host: "a.example"), 10, 200, at: t),
                    end(flow(2, user: "bob", opened: t + day), 1000, 2000, at: t + day),
                    end(
                        flow(3, user: nil, service: "fwd", transport: .udp, opened: t + day), 5, 5,
                        at: t + day),
                    end(
                        flow(4, user: "alice", host: "a.example", opened: t + day), 1, 1,
                        at: t + day),
                ]))
        await meter.close()
    }

    @Test("shows exact bytes by user, the largest first, and the total")
    func table() async throws {
        try await fill()
        #expect(
            await usage().output == """
                user   uplink bytes  downlink bytes  bytes  flows
                bob            1000            2000   3000      1
                alice            11             201    212      2
                -                 5               5     10      1
                total          1016            2206   3222      4

                """)
    }

    @Test("writes JSON as the interface says")
    func json() async throws {
        try await fill()
        #expect(
            await usage(["--json", "--top", "1"]).output == """
                {"by":"user","rows":[{"key":"bob","uplink_bytes":1000,"downlink_bytes":2000,\
                "flows":1,"uplink_packets":0,"downlink_packets":0,"overhead_uplink_bytes":0,\
                "overhead_downlink_bytes":0,"dropped_packets":0}],"total":{"uplink_bytes":1016,\
                "downlink_bytes":2206,"flows":4,"uplink_packets":0,"downlink_packets":0,\
                "overhead_uplink_bytes":0,"overhead_downlink_bytes":0,"dropped_packets":0}}

                """)
    }

    @Test(
        "sums by any list of keys",
        arguments: [
            ("service", ["socks 3212 3", "fwd 10 1"]),
            ("protocol", ["tcp 3212 3", "udp 10 1"]),
            ("node", [" 3222 4"]),
            ("destination", ["192.0.2.2:443 3000 1", "a.example:443 212 2", "192.0.2.3:443 10 1"]),
            ("host", ["192.0.2.2 3000 1", "a.example 212 2", "192.0.2.3 10 1"]),
            ("day", ["2026-11-21 3012 3", "2026-11-20 210 1"]),
            (
                "day,user",
                [
                    "2026-11-21,bob 3000 1", "2026-11-20,alice 210 1", "2026-11-21, 10 1",
                    "2026-11-21,alice 2 1",
                ]
            ),
            (
                "flow",
                [
                    "00000000000000010000000000000002 3000 1",
                    "00000000000000010000000000000001 210 1",
                    "00000000000000010000000000000003 10 1",
                    "00000000000000010000000000000004 2 1",
                ]
            ),
            ("user,service", ["bob,socks 3000 1", "alice,socks 212 2", ",fwd 10 1"]),
        ])
    func keys(_ by: String, _ rows: [String]) async throws {
        try await fill()
        let said = await usage(["--by", by, "--csv"])
        #expect(said.status == 0)
        #expect(said.rows(keys: by.split(separator: ",").count) == rows)
    }

    @Test(
        "counts the quarters of an hour that were asked for",
        arguments: [
            (["--since", "2026-11-21"], 3012), (["--until", "2026-11-21"], 210),
            (["--since", "2026-11-20T09:14:59Z"], 3222),
            (["--since", "2026-11-20T09:15:00Z"], 3012),
            (["--until", "2026-11-20T09:00:00Z"], 0), (["--until", "2026-11-20T09:00:01Z"], 210),
            (["--since=2026-11-20", "--until=2026-11-21"], 210), (["--since", "36500d"], 3222),
            (["--by", "flow", "--since", "2026-11-21"], 3012),
        ] as [([String], Int)])
    func times(_ words: [String], _ bytes: Int) async throws {
        try await fill()
        let rows = await usage(words + ["--csv"]).rows(keys: 1)
        let sums = rows.compactMap { Int($0.split(separator: " ").dropLast().last ?? "") }
        #expect(sums.reduce(0, +) == bytes, "\(rows)")
    }

    @Test("asks the gateway to store what it has counted before it reads")
    func settles() async throws {
        try await fill()
        let question = "\(folder.path)/admin.sock {\"command\":\"settle\"}"
        #expect(await usage().questions == [question])
        #expect(await usage(answer: "{}").status == 0)
    }

    @Test("shows the open flows of the running gateway")
    func live() async throws {
        var json = JSONText()
        json.beginObject()
        json.key("flows")
        json.beginList()
        for (number, host) in [(1, "a.example"), (2, nil)] as [(UInt64, String?)] {
            FlowRecord(
                of: flow(number, host: host), FlowCounts(up: number, down: 10), sequence: 1,
                atMilliseconds: Workbench.morning
            ).write(to: &json)
        }
        json.endList()
        json.endObject()
        let said = await usage(["--live", "--by", "destination,user", "--csv"], answer: json.text)
        #expect(said.rows(keys: 2) == ["192.0.2.2:443,alice 12 1", "a.example:443,alice 11 1"])
        #expect(said.questions == ["\(folder.path)/admin.sock {\"command\":\"flows\"}"])
        let alone = await usage(["--live"])
        #expect(alone.status == 1)
        #expect(alone.complaints.first?.hasPrefix("weir usage: no gateway answers at") == true)
        #expect(await usage(["--live"], answer: "nonsense").status == 1)
    }

    @Test(
        "says what is wrong with its words, and what to do",
        arguments: [
            (["--bye", "user"], "unknown option '--bye'", "did you mean '--by'?"),
            (["--by", "users"], "usage is not kept by 'users'", "did you mean 'user'?"),
            (["--by", "user,,"], "usage is not kept by ''", "one or more of"),
            (["--by", "user,user"], "'user' stands twice in '--by'", nil),
            (["--by"], "'--by' needs a value", nil),
            (["--top", "0"], "'--top' must be a whole number from 1", nil),
            (["--top", "x"], "'--top' must be a whole number from 1", nil),
            (["--since", "yesterday"], "'--since' must be how long ago", "such as 24h"),
            (["--since", "2026-02-30"], "'--since' must be how long ago", "such as 24h"),
            (["--until", "5"], "'--until' must be how long ago", "such as 24h"),
            (["--json=yes"], "'--json' takes no value", nil),
            (["users"], "unexpected 'users'", "'weir usage --help' lists them"),
            (["--live", "--since", "1h"], "'--live' asks the gateway", "leave out --since"),
            (["--zone", "Mars"], "there is no time zone 'Mars'", "such as"),
        ] as [([String], String, String?)])
    func wrongWords(_ words: [String], _ complaint: String, _ hint: String?) async {
        let said = await usage(words)
        #expect(said.status == 2)
        #expect(said.output.isEmpty)
        #expect(said.complaints.first?.hasPrefix("weir usage: \(complaint)") == true)
        #expect(said.complaints.count == (hint == nil ? 1 : 2))
        if let hint { #expect(said.complaints.last?.hasPrefix("hint: \(hint)") == true) }
    }

    @Test("says where it looked for a database that is not there, and makes none")
    func noDatabase() async {
        for words in [[], ["--db", folder.file("usage.db")]] {
            let said = await usage(words)
            #expect(said.status == 1)
            #expect(
                said.complaints.first
                    == "weir usage: there is no database at \(folder.file("usage.db"))")
        }
        let unknown = await usage(plugins: [])
        #expect(unknown.status == 2)
        #expect(unknown.complaints.last?.contains("--db PATH") == true)
    }

    @Test("asks which meter is meant where there are several")
    func severalMeters() async throws {
        for guid in ["one", "two"] {
            let meter = bench.meter([:], in: folder.path, guid: guid)
            try await meter.start()
            _ = try await meter.observe(
                FlowBatch(
                    sequence: 1,
                    events: [
                        .closed(
                            flow(guid == "one" ? 1 : 2), FlowCounts(up: 3, down: 0), .finished,
                            atMilliseconds: Workbench.morning)
                    ]))
            await meter.close()
        }
        let path = folder.file("usage.db")
        let unclear = await usage(["--db", path], plugins: [])
        #expect(unclear.status == 2)
        #expect(unclear.complaints.last == "hint: name one with --meter: one, two")
        for words in [["--db", path, "--meter", "two"], ["--meter", "two"]] {
            let said = await usage(
                words + ["--by", "flow", "--csv"], plugins: [("one", [:]), ("two", [:])])
            #expect(said.rows(keys: 1) == ["00000000000000010000000000000002 3 1"])
        }
        let wrong = await usage(["--db", path, "--meter", "three"])
        #expect(wrong.status == 2)
        #expect(wrong.complaints.last == "hint: it has one, two")
    }

    @Test("shows foreign names harmlessly")
    func foreignNames() async throws {
        let meter = bench.meter([:], in: folder.path)
        try await meter.start()
        let user = "a\u{1b}[2Jb,\"c\"\r\n"
        _ = try await meter.observe(
            FlowBatch(
                sequence: 1,
                events: [
                    .closed(
                        flow(1, user: user), FlowCounts(up: 1, down: 0), .finished,
                        atMilliseconds: Workbench.morning)
                ]))
        await meter.close()
        #expect(await usage().output.contains("\na\\u{1b}[2Jb,\"c\"\\u{d}\\u{a}  "))
        #expect(await usage(["--json"]).output.contains(#""key":"a\u001b[2Jb,\"c\"\r\n""#))
        #expect(await usage(["--csv"]).output.contains("\"a\u{1b}[2Jb,\"\"c\"\"\r\n\",1,0,1"))
    }
}
