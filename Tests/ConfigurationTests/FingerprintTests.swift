import Configuration
import Testing

@Suite("Fingerprints of parts")
struct FingerprintTests {
    private let files = [
        "users.txt": "alice secret-of-alice\n", "others.txt": "bob secret-of-bob\n",
    ]

    private func load(_ yaml: String, files: [String: String]? = nil) -> LoadedConfiguration {
        let files = files ?? self.files
        return Configuration.load(
            bytes: Array(yaml.utf8), file: "f.yaml",
            readingWith: { (path) throws(FileFault) in
                guard let text = files[path] else { throw .noSuchFile }
                return Array(text.utf8)
            })
    }

    private static func services(_ metadata: String, auther: String = "users") -> String {
        """
        services:
          - { name: a, addr: "127.0.0.1:1", handler: { type: socks5, auther: \(auther),
              metadata: { \(metadata) } } }
          - { name: b, addr: "127.0.0.1:2", handler: { type: socks5 } }

        """
    }

    private static let authers = """
        authers:
          - { name: users, auths: [ { username: u, password: p-w-1 } ] }
          - { name: listed, file: { path: users.txt } }

        """

    @Test func `order of keys, quotes, places and comments mean nothing`() {
        let one = load(Self.services("udp: true, bind: true") + Self.authers)
        let other = load(
            "# a comment\n" + Self.authers + Self.services("bind: \"true\", UDP: true"))
        #expect(one.fingerprints.service("a") != nil)
        #expect(one.fingerprints.service("a") == other.fingerprints.service("a"))
        #expect(one.fingerprints.service("b") == other.fingerprints.service("b"))
    }

    @Test func `a change touches the service it is in, and no other`() {
        let one = load(Self.services("udp: true") + Self.authers)
        let other = load(Self.services("udp: false") + Self.authers)
        #expect(one.fingerprints.service("a") != other.fingerprints.service("a"))
        #expect(one.fingerprints.service("b") == other.fingerprints.service("b"))
    }

    @Test func `an object's change touches the services that name it`() {
        let one = load(Self.services("udp: true") + Self.authers)
        let other = load(
            Self.services("udp: true")
                + Self.authers.replacing("p-w-1", with: "p-w-2"))
        #expect(one.fingerprints.service("a") != other.fingerprints.service("a"))
        #expect(one.fingerprints.service("b") == other.fingerprints.service("b"))
        #expect(
            one.fingerprints.object("authers", "users")
                != other.fingerprints.object("authers", "users"))
        #expect(
            one.fingerprints.object("authers", "listed")
                == other.fingerprints.object("authers", "listed"))
        #expect(one.fingerprints.object("authers", "nobody") == nil)
        #expect(one.fingerprints.object("hosts", "users") == nil)
    }

    @Test func `what is in a named file counts`() {
        let text = Self.services("udp: true", auther: "listed") + Self.authers
        let same = load(text)
        let changed = load(text, files: ["users.txt": "alice another\n"])
        #expect(load(text).fingerprints.service("a") == same.fingerprints.service("a"))
        #expect(changed.fingerprints.service("a") != same.fingerprints.service("a"))
    }

    @Test func `sections are told apart`() {
        let one = load(Self.services("udp: true") + Self.authers + "log: { level: debug }\n")
        let other = load(Self.services("udp: true") + Self.authers + "log: { level: info }\n")
        #expect(one.fingerprints.section("log") != other.fingerprints.section("log"))
        #expect(one.fingerprints.section("weir").isEmpty)
    }

    @Test func `objects that name each other come to an end`() {
        let text = """
            services:
              - { name: a, addr: "127.0.0.1:1", handler: { type: socks5, chain: one } }
            chains:
              - { name: one, hops: [ { name: two } ] }
            hops:
              - { name: two, nodes: [ { name: one, addr: "192.0.2.1:1" } ] }

            """
        let moved = text.replacing("192.0.2.1:1", with: "192.0.2.1:2")
        let (one, other) = (load(text).fingerprints, load(moved).fingerprints)
        #expect(one.service("a") != nil)
        #expect(one.service("a") != other.service("a"))
    }
}
