import Chance
import Model
import Routing
import Testing

@Suite("A set of patterns")
struct PatternSetTests {
    private func set(_ texts: String...) throws -> PatternSet {
        PatternSet(try texts.map { try HostPattern($0) })
    }

    private func host(_ text: String) -> Destination.Host {
        IPAddress(text).map { .address($0) } ?? .name(text)
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false),
        ("::/0", "2001:db8::1", true), ("::/0", "192.0.2.1", false),
        ("0.0.0.0/0", "::1", false), ("0.0.0.0/0", "example.org", false),
        ("example.org", "EXAMPLE.org.", true), ("example.org", "www.example.org", false),
        (".example.org", "example.org", true), (".example.org", "a.b.example.org", true),
        (".example.org", "badexample.org", false), (".example.org", "org", false),
        ("*.example.org", "a.example.org", true), ("*.example.org", "example.org", false),
        ("*.example.org", "badexample.org", false), ("*example.org", "badexample.org", true),
        ("192.168.*", "192.168.7.9", true), ("192.168.*", "192.169.7.9", false),
        ("192.168.?.1", "192.168.7.1", true), ("192.168.?.1", "192.168.77.1", false),
        ("*.1", "192.0.2.1", true), ("*", "192.0.2.1", true), ("*", "::1", true),
        ("*", "example.org", true), ("2001:db8:*", "example.org", false),
        ("*ads*", "my-ads.example", true), ("*ads*", "my-bds.example", false),
        ("a?c.*", "abc.example", true), ("a?c.*", "abbc.example", false),
        ("?", "a", true), ("?", "ab", false), ("*.*.*", "a.b", false), ("*.*.*", "a.b.c", true),
    ])
    func `one pattern means what it says`(pattern: String, host: String, isMeant: Bool) throws {
        let set = try set(pattern)
        #expect(set.contains(self.host(host), port: 443) == isMeant)
        #expect(set.contains(self.host(host), port: nil) == isMeant)
        #expect(NaivePattern(text: pattern).matches(self.host(host), port: 443) == isMeant)
    }

    @Test func `ports hold for their pattern alone`() throws {
        let set = try set(
            "192.0.2.1:80", "192.0.2.0/24:8000-8010", "192.0.2.1:90", "a.example:443",
            ".b.example:1-9", "*.c.example:25", "*d*:53", "192.0.2.7")
        let asks: [(String, UInt16, Bool)] = [
            ("192.0.2.1", 80, true), ("192.0.2.1", 90, true), ("192.0.2.1", 81, false),
            ("192.0.2.1", 8005, true), ("192.0.2.255", 8010, true), ("192.0.2.255", 80, false),
            ("192.0.3.0", 8010, false), ("192.0.2.7", 1, true), ("a.example", 443, true),
            ("a.example", 444, false), ("x.b.example", 9, true), ("b.example", 10, false),
            ("x.c.example", 25, true), ("x.c.example", 26, false), ("adb", 53, true),
            ("adb", 54, false),
        ]
        for (name, port, isMeant) in asks {
            #expect(set.contains(host(name), port: port) == isMeant, "\(name):\(port)")
        }
        #expect(set.contains(host("192.0.2.1"), port: nil))
    }

    @Test func `nothing is in an empty set`() {
        #expect(!PatternSet.empty.contains(.name(""), port: 1))
        #expect(!PatternSet.empty.contains(.name("example.org"), port: 1))
        #expect(!PatternSet.empty.contains(.address(.loopbackV4), port: 1))
        #expect(PatternSet.empty.count == 0)
    }

    // MARK: Against the naive model

    private static let labels = ["a", "ab", "ads", "b", "c", "example", "org", "www", "x1", "10"]

    private static func name(_ random: inout SplitMix64) -> String {
        (0..<Int.random(in: 1...4, using: &random)).map { _ in
            labels.randomElement(using: &random) ?? "a"
        }.joined(separator: ".") + ".e"
    }

    private static func address(_ random: inout SplitMix64) -> String {
        let part = { (random: inout SplitMix64) in Int.random(in: 0...3, using: &random) }
        if Bool.random(using: &random) {
            return "10.\(part(&random)).\(part(&random)).\(part(&random))"
        }
        return "2001:db8::\(part(&random) + 1):\(part(&random) + 1)"
    }

    private static func pattern(_ random: inout SplitMix64) -> String {
        var text: String
        switch Int.random(in: 0..<8, using: &random) {
        case 0: text = address(&random)
        case 1:
            let base = address(&random)
            text = base + "/\(Int.random(in: 0...(base.contains(":") ? 128 : 32), using: &random))"
        case 2:
            let ends = [address(&random), address(&random)].compactMap { IPAddress($0) }.sorted()
            text =
                ends[0].isV4 == ends[1].isV4 ? "\(ends[0])-\(ends[1])" : "\(ends[0])"
        case 3: text = name(&random)
        case 4: text = "." + name(&random)
        case 5: text = "*." + name(&random)
        default:
            let base = Bool.random(using: &random) ? name(&random) : address(&random)
            text = String(
                base.map { character in
                    switch Int.random(in: 0..<10, using: &random) {
                    case 0: "*" as Character
                    case 1: "?"
                    default: character
                    }
                })
            if Bool.random(using: &random) { text = "*" + text.dropFirst(text.count / 2) }
            if Bool.random(using: &random) { text = text.prefix(text.count / 2 + 1) + "*" }
        }
        guard Int.random(in: 0..<3, using: &random) == 0 else { return text }
        let low = Int.random(in: 1...5, using: &random)
        let high = low + Int.random(in: 0...3, using: &random)
        let host = text.contains(":") ? "[\(text)]" : text
        return low == high ? "\(host):\(low)" : "\(host):\(low)-\(high)"
    }

    @Test(arguments: 1...60)
    func `answers are those of patterns tried one by one`(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let texts = (0..<Int.random(in: 1...40, using: &random)).map { _ in Self.pattern(&random) }
        var kept: [(text: String, pattern: HostPattern)] = []
        for text in texts {
            // A glob may come out as something else that is no pattern.
            if let pattern = try? HostPattern(text) { kept.append((text, pattern)) }
        }
        let set = PatternSet(kept.map(\.pattern))
        for _ in 0..<200 {
            let text =
                Bool.random(using: &random) ? Self.name(&random) : Self.address(&random)
            let port = UInt16.random(in: 1...9, using: &random)
            let host = host(text)
            let naive = kept.filter { NaivePattern(text: $0.text).matches(host, port: port) }
            #expect(
                set.contains(host, port: port) == !naive.isEmpty,
                "\(text):\(port), meant by \(naive.map(\.text)) of \(kept.map(\.text))")
        }
    }
}
