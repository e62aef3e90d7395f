import Codecs
import Model
import Testing

@Suite("HTTP/1 request targets")
struct HTTP1TargetTests {
    private func target(_ text: String, _ method: HTTP1.Method = .get) -> HTTP1.Target? {
        HTTP1.Target(Array(text.utf8), method: method)
    }

    @Test(arguments: [
        ("http://example.com", "example.com:80", "/"),
        ("HTTP://Example.com:8080/a?b", "Example.com:8080", "/a?b"),
        ("http://example.com?b=/", "example.com:80", "/?b=/"),
        ("https://10.0.0.1/x", "10.0.0.1:443", "/x"),
        ("http://[::1]:81/", "[::1]:81", "/"),
        ("http://example.com:/", "example.com:80", "/"),
        ("ws://example.com/s", "example.com:80", "/s"),
    ])
    func `an absolute target leads somewhere and has a form for the origin`(
        text: String, destination: String, path: String
    ) throws {
        guard case .absolute(let target) = target(text) else {
            Issue.record("refused: \(text)")
            return
        }
        #expect(target.destination.description == destination)
        #expect(target.forOrigin(.get) == .origin(Array(path.utf8)))
    }

    @Test func `OPTIONS of an address without path asks about the server`() {
        guard case .absolute(let target) = target("http://a", .options) else {
            Issue.record("refused")
            return
        }
        #expect(target.forOrigin(.options) == .asterisk)
        #expect(self.target("*", .options) == .asterisk)
    }

    @Test(arguments: [
        "", "a", "a/b", "*", "http:/a", "http:a", "://a", "http://", "http:///a", "http://u@a/",
        "http://u:p@a/", "http://a#b", "/a#b", "/a b", "http://a:0/", "http://a:65536/",
        "http://[a]/", "http://[10.0.0.1]/", "http://::1/", "http://1.2.3/", "http://a..b/",
        "http://%61/", "http://[::1]x/", "1ttp://a/", "/a\u{7f}",
    ])
    func `what leads nowhere is refused`(text: String) {
        #expect(target(text) == nil)
    }

    @Test func `only CONNECT may be without a target, as gost sends it for datagrams`() {
        #expect(target("", .connect) == .missing)
        #expect(target("", .options) == nil)
        var written: [UInt8] = []
        HTTP1.Target.missing.encode(into: &written)
        #expect(written.isEmpty)
    }

    @Test(arguments: [
        ("example.com:443", "example.com:443"), ("[::1]:1", "[::1]:1"),
        ("1.2.3.4:65535", "1.2.3.4:65535"),
    ])
    func `a tunnel's target is host and port`(text: String, destination: String) {
        guard case .authority(let found) = target(text, .connect) else {
            Issue.record("refused: \(text)")
            return
        }
        #expect(found.description == destination)
    }

    @Test(arguments: [
        "a", "a:", "a:0", "a:65536", "a:+1", "a:1x", ":1", "http://a:1", "/a", "u@a:1", "::1:1",
        "[::1]", "*",
    ])
    func `a tunnel's target is nothing else`(text: String) {
        #expect(target(text, .connect) == nil)
    }
}
