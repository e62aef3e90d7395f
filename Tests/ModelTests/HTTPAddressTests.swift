import Model
import Testing

@Suite("URLs of servers that are asked")
struct HTTPAddressTests {
    @Test(
        arguments: [
            ("http://127.0.0.1:8000/auth", false, "127.0.0.1", 8000, true),
            ("https://plugins.example/observer?key=k", true, "plugins.example", 443, false),
            ("HTTP://localhost", false, "localhost", 80, true),
            ("http://[::1]:9/", false, "::1", 9, true),
            ("https://[2001:db8::1]", true, "2001:db8::1", 443, false),
            ("http://u:p@h:1/x", false, "h", 1, false),
        ] as [(String, Bool, String, UInt16, Bool)])
    func `an address has its parts`(
        text: String, isSecure: Bool, host: String, port: UInt16, isLoopback: Bool
    ) throws {
        let address = try #require(HTTPAddress(text))
        #expect(address.isSecure == isSecure && address.host == host && address.port == port)
        #expect(address.isLoopback == isLoopback && address.text == text)
    }

    @Test(arguments: [
        "", "127.0.0.1:8000", "ftp://h/", "http://", "http:///x", "http://h:0/", "http://h:65536/",
        "http://h:x/", "http://[::1/", "http://[127.0.0.1]/", "http://[::1]x/", "http://h/a b",
        "http://h/\n", "http://h\\x", "http://h/#part", "http://hé/", "http://:80/",
    ])
    func `anything else is none`(text: String) {
        #expect(HTTPAddress(text) == nil)
    }

    @Test func `its description has no secret`() throws {
        let address = try #require(HTTPAddress("https://user:pass@h.example:8443/path?token=abc"))
        #expect("\(address)" == "https://h.example:8443/path?…")
        #expect(address.hasCredentials && address.authorityText == "h.example:8443")
        let plain = try #require(HTTPAddress("http://h/"))
        #expect("\(plain)" == "http://h/" && !plain.hasCredentials)
    }
}
