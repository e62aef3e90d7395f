import Chance
import Model
import Rules
import Testing

@Suite("A rule")
struct RuleTests {
    private static func facts(
        _ host: String = "www.example.com", _ port: UInt16 = 443, client: String = "192.0.2.7",
        _ transport: TransportProtocol = .tcp
    ) -> RuleFacts {
        RuleFacts(
            client: IPAddress(client) ?? .anyV4, transport: transport,
            destination: Destination(
                host: IPAddress(host).map { .address($0) } ?? .name(host), port: port))
    }

    private static func holds(_ text: String, _ facts: RuleFacts = facts()) throws -> Bool {
        try Rule(text, of: .chain).holds(for: facts)
    }

    // MARK: Functions

    @Test(arguments: [
        ("Host(`www.example.com`)", true), ("Host(`WWW.Example.COM.`)", true),
        ("Host(`example.com`)", false), ("Host(`*.example.com`)", true),
        ("Host(`.example.com`)", true), ("Host(`*.www.example.com`)", false),
        ("Host(`a.example`, `www.example.com`)", true), ("Host(`www.example.com:443`)", true),
        ("Host(`www.example.com:80`)", false), ("Host(`192.0.2.7`)", false),
        ("HostRegexp(`^www\\.`)", true), ("HostRegexp(`EXAMPLE\\.(com|net)$`)", true),
        ("HostRegexp(`^example`)", false), ("HostRegexp(`x`, `[a-d]om$`)", true),
        ("ClientIP(`192.0.2.7`)", true), ("ClientIP(`192.0.2.0/24`)", true),
        ("ClientIP(`2001:db8::/32`, `10.0.0.0/8`)", false), ("Network(`tcp`)", true),
        ("Network(`UDP`)", false), ("network(\"tcp\")", true),
    ])
    func `each function asks what its name says`(_ text: String, _ expected: Bool) throws {
        #expect(try Self.holds(text) == expected)
    }

    @Test func `an address is a host in every writing`() throws {
        let facts = Self.facts("2001:db8::1", 53)
        #expect(try Self.holds("Host(`2001:db8:0::1`)", facts))
        #expect(try Self.holds("Host(`[2001:db8::1]:53`)", facts))
        #expect(try !Self.holds("Host(`[2001:db8::1]:54`)", facts))
        #expect(try Self.holds("HostRegexp(`^2001:db8:`)", facts))
    }

    @Test func `the last dot of a name says nothing`() throws {
        #expect(try Self.holds("Host(`a.example`)", Self.facts("A.EXAMPLE.")))
        #expect(try Self.holds("HostRegexp(`example$`)", Self.facts("A.EXAMPLE.")))
    }

    // MARK: Operators

    private static let (yes, no) = ("Network(`tcp`)", "Network(`udp`)")

    @Test func `and binds tighter than or, and not binds tightest`() throws {
        for (text, expected) in [
            ("Y || N && N", true), ("(Y || N) && N", false), ("N && N || Y", true),
            ("N && (N || Y)", false), ("!N && Y", true), ("!(N && Y)", true), ("!N || N", true),
            ("!Y || Y", true), ("!(Y || Y)", false), ("!!Y", true), ("!!!Y", false),
            ("Y&&Y&&N", false), ("N||N||Y", true), (" ( ( Y ) ) ", true),
            ("Y && !N && (N || Y)", true), ("!Y && N || Y && Y", true),
        ] {
            #expect(try Self.holds(Self.written(text)) == expected, "\(text)")
        }
    }

    private static func written(_ text: String) -> String {
        text.map { $0 == "Y" ? yes : $0 == "N" ? no : String($0) }.joined()
    }

    @Test func `every expression of three values is as logic has it`() throws {
        var chance = SplitMix64(seed: 11)
        for _ in 0..<500 {
            let (text, value) = Self.expression(&chance, depth: 5)
            #expect(try Self.holds(text) == value, "\(text)")
        }
    }

    /// An expression with its value; parentheses only where they are needed.
    private static func expression(_ chance: inout SplitMix64, depth: Int) -> (String, Bool) {
        let kind = depth == 0 ? 0 : Int(chance.next() % 4)
        switch kind {
        case 0:
            let value = chance.next() % 2 == 0
            return (value ? yes : no, value)
        case 1:
            let (text, value) = expression(&chance, depth: depth - 1)
            return ("!(\(text))", !value)
        case 2:
            let (one, other) = (
                expression(&chance, depth: depth - 1), expression(&chance, depth: depth - 1)
            )
            return ("(\(one.0)) && (\(other.0))", one.1 && other.1)
        default:
            let (one, other) = (
                expression(&chance, depth: depth - 1), expression(&chance, depth: depth - 1)
            )
            // Whatever `other` is, `||` binds weaker than everything in it.
            return ("(\(one.0)) || \(other.0)", one.1 || other.1)
        }
    }

    @Test func `its length is its priority`() throws {
        #expect(try Rule("HostRegexp(`é`)", of: .chain).priority == 16)
    }

    // MARK: Mistakes

    @Test(arguments: [
        ("", 0, "missing at the end"), ("Host", 4, "'(' is missing"),
        ("Host(", 5, "between"), ("Host()", 5, "between"), ("Host(`a`", 8, "')' is missing"),
        ("Host(`a", 5, "does not end"), ("Host(a)", 5, "between"),
        ("Host(`a`) Host(`b`)", 10, "cannot stand here"),
        ("Host(`a`) & Host(`b`)", 10, "cannot stand here"),
        ("Host(`a`) &&", 12, "missing at the end"), ("&& Host(`a`)", 0, "must stand here"),
        ("(Host(`a`)", 10, "')' is missing"), ("Host(`a`))", 9, "cannot stand here"),
        ("!", 1, "missing at the end"), ("Hots(`a`)", 0, "there is no condition 'Hots'"),
        ("Host(`*`)", 5, "no host"), ("Host(`a*.b`)", 5, "no host"), ("Host(`a:b`)", 5, "no host"),
        ("Host(`a b`)", 5, "no host"), ("Host(``)", 5, "no host"),
        ("ClientIP(`1.2.3`)", 9, "address or a range"), ("Network(`ip`)", 8, "tcp or udp"),
        ("HostRegexp(`a(b`)", 15, "')' is missing"), ("HostRegexp(`*`)", 12, "nothing to repeat"),
        ("Host(`a`) && Method(`GET`)", 13, "looks into a request"),
        ("PathPrefix(`/x`)", 0, "looks into a request"),
        ("Header(`A`, `b`)", 0, "looks into a request"),
        ("BodyJSON(`a`)", 0, "looks into a request"),
        ("Proto(`tls`)", 0, "not available in rules yet"),
        ("Bypass(`b`)", 0, "not available in rules yet"),
    ])
    func `a mistake has its place`(_ text: String, _ offset: Int, _ message: String) {
        #expect(Self.fault(text)?.offset == offset, "\(text)")
        #expect(Self.fault(text)?.message.contains(message) ?? false, "\(text)")
    }

    private static func fault(_ text: String, of subject: Rule.Subject = .chain) -> RuleFault? {
        do throws(RuleFault) {
            _ = try Rule(text, of: subject)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a forwarder's rule asks only about clients`() {
        #expect(Self.fault("ClientIP(`::1`) || Network(`tcp`)", of: .forwarder) == nil)
        for name in ["Host(`a`)", "HostRegexp(`a`)"] {
            #expect(
                Self.fault(name, of: .forwarder)?.message.contains("does not say") ?? false)
        }
    }

    @Test func `depth and length have bounds`() {
        let deep = { (count: Int) in
            String(repeating: "(", count: count) + Self.yes + String(repeating: ")", count: count)
        }
        #expect(Self.fault(deep(63)) == nil)
        #expect(Self.fault(deep(64))?.message == "a rule is nested too deeply")
        #expect(Self.fault(deep(4000))?.message == "a rule is nested too deeply")
        #expect(Self.fault(String(repeating: "!", count: 8000)) != nil)
        let wide = Array(repeating: Self.yes, count: 400).joined(separator: "||")
        #expect(Self.fault(wide) == nil)
        #expect(Self.fault(wide + wide)?.message.contains("at most") ?? false)
    }

    // MARK: Hostile input

    private static let samples = [
        "Host(`a.example`, `*.b.example:443`) && !(ClientIP(`10.0.0.0/8`) || Network(\"udp\"))",
        "HostRegexp(`^(?:a|b{2,3}|[^c-e\\d]+?)\\.x$`, \"\\\"q\\n\") || Host(`[2001:db8::1]:53`)",
    ]

    @Test(arguments: samples)
    func `every prefix is a rule or a fault inside it`(_ text: String) {
        let scalars = Array(text.unicodeScalars)
        for count in 0...scalars.count {
            let prefix = String(String.UnicodeScalarView(scalars[..<count]))
            if let fault = Self.fault(prefix) { #expect(fault.offset <= count) }
        }
    }

    @Test func `no text traps`() {
        var chance = SplitMix64(seed: 5)
        let alphabet = Array("Hh`\"\\()!&|,.*[]{}^$?+-:09azé\u{0}\n Network(`tcp`)".unicodeScalars)
        for _ in 0..<4000 {
            var scalars = Array(Self.samples[Int(chance.next() % 2)].unicodeScalars)
            for _ in 0..<(1 + chance.next() % 6) {
                let place = Int(chance.next() % UInt64(scalars.count))
                let letter = alphabet[Int(chance.next() % UInt64(alphabet.count))]
                switch chance.next() % 3 {
                case 0: scalars[place] = letter
                case 1: scalars.insert(letter, at: place)
                default: if scalars.count > 1 { scalars.remove(at: place) }
                }
            }
            let text = String(String.UnicodeScalarView(scalars))
            if let fault = Self.fault(text) {
                #expect(fault.offset <= scalars.count, "\(text)")
            } else {
                _ = try? Self.holds(text)
            }
        }
    }
}
