import Model
import Testing

@Suite("Address ranges")
struct IPPrefixTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false),
        ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
        ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "2001:db8::1", true), ("::/0", "192.0.2.1", false),
        ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
        ("2001:db8::/65", "2001:db8::7fff:0:0:1", true), ("::1", "::1", true),
    ])
    func `an address is inside or not`(range: String, address: String, isInside: Bool) throws {
        let prefix = try #require(IPPrefix(range))
        #expect(try prefix.contains(#require(IPAddress(address))) == isInside)
    }

    @Test func `bits behind the length are cleared`() {
        #expect(IPPrefix("10.1.2.3/8")?.description == "10.0.0.0/8")
        #expect(IPPrefix("2001:db8::1/32")?.description == "2001:db8::/32")
    }

    @Test(arguments: [
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0/8", "a/8",
        "10.0.0.0/+8",
    ])
    func `other text is no range`(text: String) {
        #expect(IPPrefix(text) == nil)
    }
}
