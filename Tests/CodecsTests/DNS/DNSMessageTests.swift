import Bytes
import CodecTesting
import Codecs
import Model
import Testing

@Suite("DNS message, RFC 1035 §4.1")
struct DNSMessageTests {
    static func question(_ name: String, _ type: DNS.RecordType) -> DNS.Question {
        guard let name = DNS.Name(name) else { preconditionFailure("a mistyped name") }
        return DNS.Question(name, type)
    }

    static func record(_ name: String, _ seconds: UInt32, _ content: DNS.Record.Content)
        -> DNS.Record
    {
        DNS.Record(
            name: question(name, .a).name, lifetimeSeconds: seconds, content: content)
    }

    static let query = DNS.Query(id: 0xbeef, question("example.com", .aaaa))

    @Test func `a query is encoded with EDNS and read back`() {
        let bytes = [UInt8](capacity: DNS.Query.maximumByteCount) { Self.query.encode(into: &$0) }
        #expect(
            bytes
                == hex(
                    """
                    be ef 01 00                      // id, RD
                    00 01 00 00 00 00 00 01          // one question, one additional record
                    07 6578616d706c65 03 636f6d 00   // example.com
                    00 1c 00 01                      // AAAA, IN
                    00 00 29 04 d0 00000000 00 00    // OPT, 1232 bytes
                    """))
        #expect(DNS.Query(received: bytes) == Self.query)
    }

    @Test func `a client subnet is told in as many bytes as it has`() throws {
        let four = DNS.Query(
            id: 1, Self.question("a", .a), clientSubnet: IPPrefix("192.0.2.0/23"))
        let head = hex("00 01 01 00 00 01 00 00 00 00 00 01 01 61 00 00 01 00 01")
        let encode = { (query: DNS.Query) in
            [UInt8](capacity: DNS.Query.maximumByteCount) { query.encode(into: &$0) }
        }
        #expect(
            encode(four)
                == head
                + hex("00 00 29 04 d0 00000000 00 0b 00 08 00 07 00 01 17 00 c0 00 02"))
        for text in ["192.0.2.1", "0.0.0.0/0", "2001:db8::/56", "2001:db8::1/128", "::/1"] {
            let query = DNS.Query(
                id: 1, Self.question("a", .a), clientSubnet: IPPrefix(text))
            #expect(DNS.Query(received: encode(query)) == query, "\(text)")
        }
        let longest = DNS.Query(
            id: 1, DNS.Question(try #require(DNS.Name(Self.longestName)), .a),
            clientSubnet: IPPrefix("2001:db8::1"))
        #expect(encode(longest).count <= DNS.Query.maximumByteCount)
    }

    private static let longestName =
        (0..<3).map { _ in String(repeating: "a", count: 63) }.joined(separator: ".") + "."
        + String(repeating: "b", count: 61)

    @Test func `a query without EDNS ends with its question`() {
        let plain = DNS.Query(id: 1, Self.question("a", .a), isExtended: false)
        let bytes = [UInt8](capacity: DNS.Query.maximumByteCount) { plain.encode(into: &$0) }
        #expect(bytes == hex("00 01 01 00 00 01 00 00 00 00 00 00 01 61 00 00 01 00 01"))
    }

    typealias Vector = (name: String, bytes: [UInt8], response: DNS.Response)

    static let vectors: [Vector] = [
        (
            "an alias and two addresses",
            hex(
                """
                00 01 81 80 00 01 00 03 00 00 00 00
                03 777777 07 6578616d706c65 03 636f6d 00  00 01 00 01    // www.example.com A
                c0 0c 00 05 00 01 00 00 00 3c 00 02 c0 10                // CNAME example.com, 60 s
                c0 10 00 01 00 01 00 00 01 2c 00 04 c0 00 02 01          // 192.0.2.1, 300 s
                c0 10 00 01 00 01 00 00 01 2c 00 04 c0 00 02 02
                """),
            .init(
                id: 1, question: question("www.example.com", .a), code: .noError,
                records: [
                    record("www.example.com", 60, .alias(question("example.com", .a).name)),
                    record("example.com", 300, .address(IPAddress(v4: 0xc000_0201))),
                    record("example.com", 300, .address(IPAddress(v4: 0xc000_0202))),
                ])
        ),
        (
            "an absence",
            hex(
                """
                00 02 81 83 00 01 00 00 00 01 00 01
                04 6e6f6e65 00  00 1c 00 01
                00 00 06 00 01 00 01 51 80 00 1b                         // . SOA, 86400 s
                  01 61 00  01 62 c0 0c                                  // MNAME, RNAME
                  00 00 00 01 00 00 07 08 00 00 03 84 00 09 3a 80 00 00 0e 10   // MINIMUM 3600
                00 00 29 02 00 00 00 00 00 00 00
                """),
            .init(
                id: 2, question: question("none", .aaaa), code: .nameError, absenceSeconds: 3600)
        ),
        (
            "no question", hex("00 03 80 01 00 00 00 00 00 00 00 00"),
            .init(id: 3, question: nil, code: .formatError)
        ),
        (
            "a truncated one that ends inside a record",
            hex("00 04 83 80 00 01 00 09 00 00 00 00 01 61 00 00 01 00 01"),
            .init(id: 4, question: question("a", .a), isTruncated: true, code: .noError)
        ),
        (
            "a code of 12 bits",
            hex("00 05 81 80 00 00 00 00 00 00 00 01 00 00 29 02 00 01 00 00 00 00 00"),
            .init(id: 5, question: nil, code: .init(rawValue: 16))
        ),
        (
            "records of no use",
            hex(
                """
                00 06 81 80 00 00 00 03 00 00 00 00
                00 00 10 00 01 00 00 00 3c 00 02 01 61                   // TXT
                00 00 01 00 03 00 00 00 3c 00 04 01 02 03 04             // A of class CH
                00 00 01 00 01 ff ff ff ff 00 04 01 02 03 04             // a lifetime over 2^31
                """),
            .init(
                id: 6, question: nil, code: .noError,
                records: [
                    DNS.Record(
                        name: root, lifetimeSeconds: 0,
                        content: .address(IPAddress(v4: 0x0102_0304)))
                ])
        ),
    ]

    static var root: DNS.Name {
        let bytes: [UInt8] = [0]
        var reader = ByteReader(bytes.span.bytes)
        guard case .value(let name, _) = DNS.Name.decode(&reader) else {
            preconditionFailure("the root is a name")
        }
        return name
    }

    @Test(arguments: vectors)
    func `a response is decoded whole`(vector: Vector) {
        #expect(
            checkEveryPrefix(
                of: vector.bytes, gives: vector.response, decode: DNS.Response.decode) == [])
    }

    @Test func `what the test server writes is read back`() {
        let question = Self.question("www.example.com", .aaaa)
        let answer = DNSAnswer(
            id: 77, question: question, code: 3,
            answers: [
                .init("www.example.com", 5, .alias("cdn.example.net")),
                .init("cdn.example.net", 6, .address(.loopbackV6)),
            ],
            authorities: [.init("example.net", 900, .start(minimumSeconds: 30))])
        let response = DNS.Response(
            id: 77, question: question, code: .nameError,
            records: [
                Self.record(
                    "www.example.com", 5, .alias(Self.question("cdn.example.net", .a).name)),
                Self.record("cdn.example.net", 6, .address(.loopbackV6)),
            ], absenceSeconds: 30)
        #expect(
            checkEveryPrefix(of: answer.encoded(), gives: response, decode: DNS.Response.decode)
                == [])
    }

    @Test(arguments: [
        ("a query", hex("00 01 01 00 00 00 00 00 00 00 00 00"), DNS.Response.Fault.notAResponse),
        ("a status answer", hex("00 01 90 00 00 00 00 00 00 00 00 00"), .notAResponse),
        ("two questions", hex("00 01 80 00 00 02 00 00 00 00 00 00"), .questionCount(2)),
        (
            "class CH", hex("00 01 80 00 00 01 00 00 00 00 00 00 00 00 01 00 03"),
            .questionClass(3)
        ),
        (
            "a bad name in the question",
            hex("00 01 80 00 00 01 00 00 00 00 00 00 c0 0c 00 01 00 01"), .name(.pointer)
        ),
        (
            "a bad name in a record", hex("00 01 80 00 00 00 00 01 00 00 00 00 80"),
            .name(.labelType)
        ),
        (
            "an A of 5 bytes",
            hex("00 01 80 00 00 00 00 01 00 00 00 00 00 00 01 00 01 00000000 00 05 0102030405"),
            .recordLength(.a)
        ),
        (
            "an AAAA of 4 bytes",
            hex("00 01 80 00 00 00 00 01 00 00 00 00 00 00 1c 00 01 00000000 00 04 01020304"),
            .recordLength(.aaaa)
        ),
        (
            "an alias that leaves its record",
            hex("00 01 80 00 00 00 00 01 00 00 00 00 00 00 05 00 01 00000000 00 02 02 61 62 00"),
            .recordLength(.cname)
        ),
        (
            "an alias to nowhere",
            hex("00 01 80 00 00 00 00 01 00 00 00 00 00 00 05 00 01 00000000 00 02 ff ff"),
            .name(.pointer)
        ),
        (
            "a short SOA",
            hex("00 01 80 00 00 00 00 00 00 01 00 00 00 00 06 00 01 00000000 00 02 00 00"),
            .recordLength(.soa)
        ),
    ])
    func `faults are told apart`(name: String, bytes: [UInt8], fault: DNS.Response.Fault) {
        #expect(decode(bytes, by: DNS.Response.decode) == .fault(fault))
    }

    @Test func `only an answer to the query's id and question is its answer`() {
        let own = DNS.Response(id: 0xbeef, question: Self.query.question, code: .noError)
        #expect(own.answers(Self.query))
        for other in [
            DNS.Response(id: 0xbeee, question: Self.query.question, code: .noError),
            .init(id: 0xbeef, question: nil, code: .noError),
            .init(id: 0xbeef, question: Self.question("example.com", .a), code: .noError),
            .init(id: 0xbeef, question: Self.question("example.org", .aaaa), code: .noError),
        ] {
            #expect(!other.answers(Self.query))
        }
    }

    @Test func `records beyond the bound are left out`() {
        let answer = DNSAnswer(
            id: 1, question: Self.question("a", .a),
            answers: (0..<200).map { .init("a", 1, .address(IPAddress(v4: $0))) })
        guard case .value(let response, _) = decode(answer.encoded(), by: DNS.Response.decode)
        else {
            Issue.record("not decoded")
            return
        }
        #expect(response.records.count == DNS.Response.recordsMax)
    }

    @Test func `nothing a server sends traps`() {
        #expect(
            checkRandomInput(
                like: Self.vectors.map(\.bytes), rounds: 60_000, seed: 8,
                decode: DNS.Response.decode) == [])
    }
}

@Suite("DNS aliases")
struct DNSChainTests {
    private let one = IPAddress(v4: 0xc000_0201)
    private let two = IPAddress(v4: 0xc000_0202)

    private func response(_ records: [DNS.Record]) -> DNS.Response {
        DNS.Response(id: 1, question: nil, code: .noError, records: records)
    }

    private func name(_ text: String) -> DNS.Name { DNSMessageTests.question(text, .a).name }

    @Test func `a chain is followed in any order and lives as long as its shortest link`() {
        let response = response([
            DNSMessageTests.record("c", 300, .address(one)),
            DNSMessageTests.record("b", 20, .alias(name("c"))),
            DNSMessageTests.record("a", 60, .alias(name("b"))),
            DNSMessageTests.record("c", 90, .address(two)),
            DNSMessageTests.record("c", 90, .address(one)),
        ])
        #expect(
            response.follow(name("A"))
                == .init(addresses: [one, two], lifetimeSeconds: 20, end: name("c")))
    }

    @Test func `addresses of another name are not believed`() {
        let response = response([DNSMessageTests.record("evil", 300, .address(one))])
        #expect(
            response.follow(name("a"))
                == .init(addresses: [], lifetimeSeconds: nil, end: name("a")))
    }

    @Test func `an alias without an address tells where it ends`() {
        let response = response([DNSMessageTests.record("a", 7, .alias(name("b")))])
        #expect(
            response.follow(name("a"))
                == .init(addresses: [], lifetimeSeconds: 7, end: name("b")))
    }

    @Test func `aliases in a circle end`() {
        let response = response([
            DNSMessageTests.record("a", 7, .alias(name("b"))),
            DNSMessageTests.record("b", 7, .alias(name("a"))),
        ])
        #expect(response.follow(name("a")).addresses == [])
    }
}
