import Model
import Testing

@Suite("Patterns of hosts, as lists have them")
struct HostPatternTests {
    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.0/8", "10.0.0.0", "10.255.255.255"),
        ("10.1.2.3/8", "10.0.0.0", "10.255.255.255"),
        ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
        ("192.0.2.1-192.0.2.9", "192.0.2.1", "192.0.2.9"),
        ("::1", "::1", "::1"),
        ("[::1]", "::1", "::1"),
        ("2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001:db8::/96", "2001:db8::", "2001:db8::ffff:ffff"),
        ("2001:db8::1-2001:db8::f", "2001:db8::1", "2001:db8::f"),
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
    ])
    func `addresses and ranges of them`(text: String, first: String, last: String) throws {
        let pattern = try HostPattern(text)
        #expect(pattern.hosts == .addresses(try address(first), try address(last)))
        #expect(pattern.ports == nil)
    }

    @Test(arguments: [
        ("example.org", HostPattern.Hosts.name("example.org")),
        ("Example.ORG.", .name("example.org")),
        ("localhost", .name("localhost")),
        ("a-1.example", .name("a-1.example")),
        ("1-2.example", .name("1-2.example")),
        (".example.org", .domain("example.org")),
        (".org", .domain("org")),
        ("*.example.org", .glob("*.example.org")),
        ("192.168.*", .glob("192.168.*")),
        ("*", .glob("*")), ("?", .glob("?")), ("*AD?.*", .glob("*ad?.*")),
        ("bücher.example", .name("bücher.example")),
    ])
    func `names, domains and globs`(text: String, hosts: HostPattern.Hosts) throws {
        #expect(try HostPattern(text).hosts == hosts)
    }

    @Test(
        arguments: [
            ("example.org:443", 443...443), ("192.0.2.1:80-90", 80...90), ("[::1]:53", 53...53),
            ("[2001:db8::/32]:1-65535", 1...65535), ("10.0.0.0/8:22", 22...22), ("*:25", 25...25),
            (".example.org:8000-8000", 8000...8000),
        ] as [(String, ClosedRange<UInt16>)])
    func `ports stand behind a colon`(text: String, ports: ClosedRange<UInt16>) throws {
        #expect(try HostPattern(text).ports == ports)
    }

    @Test(arguments: [
        "", ":80", "[]", "[::1", "[::1]80", "[::1]:", "example.org:", "example.org:0",
        "example.org:90-80", "example.org:65536", "example.org:1-2-3", "example.org:http",
        "10.0.0.0/33", "10.0.0.0/8/8", "http://example.org/", "example.org/24",
        "10.0.0.256", "10.0.0", "1234", "10.0.0.9-10.0.0.1", "10.0.0.1-::1", "10.0.0.1-x",
        "1:2", "::1::2", "1:2:3", ".", "..", "a..b", "a..", "a b", "a\tb", "a\u{7f}b",
        "{a,b}.example", "[ab].example", "(a|b)", "^a$", "a,b", "a@b", "#a",
        String(repeating: "a.", count: 127) + "example",
    ])
    func `what is no pattern is told`(text: String) {
        let fault = #expect(throws: HostPattern.Fault.self) { try HostPattern(text) }
        #expect(fault?.reason.isEmpty == false)
    }

    @Test func `random text never traps`() {
        var word: UInt64 = 1
        let alphabet = Array("0123456789abc.:-*?[]/ ")
        for _ in 0..<20_000 {
            var text = ""
            for _ in 0..<Int(word % 20) {
                word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text.append(alphabet[Int(word >> 33) % alphabet.count])
            }
            word &+= 1
            _ = try? HostPattern(text)
        }
    }
}
