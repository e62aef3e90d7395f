import Model
import Testing

@Suite("Addresses as text")
struct AddressTextTests {
    @Test(
        "are canonical, RFC 5952 §4 and §5",
        arguments: [
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:0db8::0001", "2001:db8::1"),
            ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:db8:0:0:1:0:0:0", "2001:db8:0:0:1::"),
            ("2001:DB8::AAAA", "2001:db8::aaaa"), ("0:0:0:0:0:0:0:0", "::"),
            ("0:0:0:0:0:0:0:1", "::1"), ("1:0:0:0:0:0:0:0", "1::"),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:c000:201", "192.0.2.1"), ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
            ("fe80::1", "fe80::1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
            ("192.0.2.1", "192.0.2.1"), ("::fffe:1:2", "::fffe:1:2"),
        ])
    func canonical(_ text: String, _ expected: String) {
        let address = IPAddress(text)
        #expect(address?.description == expected)
        #expect(address == IPAddress(expected))
    }

    @Test(
        "are nothing else",
        arguments: [
            "", ".", ":", ":::", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3",
            "1.2.3.256", "01.2.3.4", "1.2.3.04", "1.2.3.4 ", " 1.2.3.4", "1.2.3.+4", "1.2.3.-4",
            "0x1.2.3.4", "1.2.3.4444", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", ":1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:",
            "1:", ":1", "12345::", "g::", "::1%eth0", "[::1]", "::1/64", "1.2.3.4::",
            "::1.2.3", "::1.2.3.256", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "::٣", "1.2.3.٤",
        ])
    func wrong(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("read back what they write, whatever the bits")
    func roundTrip() {
        var word: UInt64 = 1
        for _ in 0..<2000 {
            word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // Many zero groups, so that every place of the gap occurs.
            let groups = (0..<8).map { index in
                word >> UInt64(40 + index) & 1 == 0 ? 0 : word >> UInt64(index * 6) & 0xffff
            }
            let half = { (part: ArraySlice<UInt64>) in part.reduce(0) { $0 << 16 | $1 } }
            let address = IPAddress(high: half(groups[..<4]), low: half(groups[4...]))
            if IPAddress(address.description) != address { Issue.record("\(address)") }
        }
    }

    @Test(
        "stand with their port, IPv6 in brackets",
        arguments: [
            "192.0.2.1:80", "[2001:db8::1]:0", "[::]:65535", "0.0.0.0:1",
        ])
    func endpoints(_ text: String) {
        #expect(Endpoint(text)?.description == text)
    }

    @Test(
        "do not stand with anything else",
        arguments: [
            "", ":80", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:+1",
            "192.0.2.1: 1", "192.0.2.1:-1", "2001:db8::1:80", "[2001:db8::1]", "[2001:db8::1]80",
            "[192.0.2.1]:80", "[::1:80", "::1]:80", "example.org:80", "[]:80", "192.0.2.1:٨",
        ])
    func wrongEndpoints(_ text: String) {
        #expect(Endpoint(text) == nil)
    }
}
