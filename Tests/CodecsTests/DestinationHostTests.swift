import Codecs
import Model
import Testing

@Suite("A host that a peer sent as text")
struct DestinationHostTests {
    @Test(arguments: [
        "a", "example.com", "Example.COM", "example.com.", "localhost", "xn--bcher-kva.example",
        "_dmarc.example.com", "a-b.c_d", "1.example", "3com.com", "dead.beef", "a.0xyz",
        String(repeating: "a", count: 63) + ".example",
        Array(repeating: String(repeating: "a", count: 49), count: 5).joined(separator: ".")
            + ".abc",
    ])
    func `a name is kept as asked for`(text: String) {
        let bytes = Array(text.utf8)
        let host = Destination.Host(text: bytes.span.bytes)
        #expect(host == .name(text))
    }

    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "::"), ("2001:DB8::A", "2001:db8::a"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:0db8:0000:0000:0000:0000:192.168.100.200", "2001:db8::c0a8:64c8"),
    ])
    func `a literal address becomes one`(text: String, address: String) {
        let bytes = Array(text.utf8)
        let host = Destination.Host(text: bytes.span.bytes)
        #expect(
            host == IPAddress(address).map { .address($0) })
    }

    @Test(arguments: [
        ("empty", ""), ("a dot", "."), ("two dots", "a..b"), ("a dot first", ".a"),
        ("two dots at the end", "a.."), ("a space", "a b"), ("a NUL", "a\0b"), ("a slash", "a/b"),
        ("a line feed", "a\nb"), ("a colon", "a:b"), ("a zone", "fe80::1%eth0"),
        ("brackets", "[::1]"),
        ("an at sign", "u@host"), ("a percent sign", "a%00"), ("a backslash", "a\\b"),
        ("not ASCII", "bücher.example"), ("a wildcard", "*.example"),
        ("a label of 64", String(repeating: "a", count: 64)),
        ("254 bytes", Array(repeating: "aaa", count: 63).joined(separator: ".") + ".aa"),
        ("255 bytes", String(repeating: "a.", count: 127) + "a"),
        ("short IPv4", "127.1"), ("a number", "2130706433"), ("hexadecimal", "0x7f000001"),
        ("a hexadecimal label", "127.0.0.0x1"), ("0x alone", "a.0X"), ("octal", "0177.0.0.1"),
        ("256", "256.1.1.1"), ("five parts", "1.2.3.4.5"), ("IPv4 with a dot", "127.0.0.1."),
    ])
    func `what must never be looked up is refused`(name: String, text: String) {
        let bytes = Array(text.utf8)
        let host = Destination.Host(text: bytes.span.bytes)
        #expect(host == nil)
    }

    @Test func `bytes that are no text are refused`() {
        for byte in UInt8(0x80)...0xff {
            let bytes = [UInt8(ascii: "a"), byte]
            let host = Destination.Host(text: bytes.span.bytes)
            #expect(host == nil)
        }
    }
}
