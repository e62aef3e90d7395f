import CodecTesting
import Codecs
import Model
import Routing
import Testing

@Suite("NameQuery")
struct NameQueryTests {
    static let four = HostsTableTests.address("192.0.2.1")
    static let six = HostsTableTests.address("2001:db8::1")
    static let absence = DNSAnswer.Record("example", 600, .start(minimumSeconds: 60))

    static func plan(servers: Int = 1, _ change: (inout NameQueryPlan) -> Void = { _ in })
        -> NameQueryPlan
    {
        var plan = NameQueryPlan(
            servers: (1...servers).map {
                NameServer(Endpoint(IPAddress(v4: 0x0a00_0000 + UInt32($0)), 53))
            })
        change(&plan)
        return plan
    }

    // MARK: Both families

    @Test func `both families are asked side by side and answered together`() {
        var driver = QueryDriver("www.example", Self.plan())
        #expect(driver.sent == ["10.0.0.1 www.example A udp", "10.0.0.1 www.example AAAA udp"])
        driver.reply(.aaaa, [.init("www.example", 90, .address(Self.six))])
        #expect(driver.answer == nil)
        driver.reply(.a, [.init("www.example", 30, .address(Self.four))])
        #expect(driver.answer == .addresses([Self.four, Self.six], lifetimeSeconds: 30))
    }

    @Test(arguments: [
        (AddressFamilies.onlyV4, ["10.0.0.1 a.b A udp"]),
        (.onlyV6, ["10.0.0.1 a.b AAAA udp"]),
        (.preferV6, ["10.0.0.1 a.b AAAA udp", "10.0.0.1 a.b A udp"]),
    ])
    func `only families of use are asked for`(families: AddressFamilies, sent: [String]) {
        let driver = QueryDriver("a.b", Self.plan { $0.families = families })
        #expect(driver.sent == sent)
    }

    @Test func `one family may have no address`() {
        var driver = QueryDriver("www.example", Self.plan())
        driver.reply(.aaaa, authorities: [Self.absence])
        driver.reply(.a, [.init("www.example", 300, .address(Self.four))])
        #expect(driver.answer == .addresses([Self.four], lifetimeSeconds: 60))
    }

    @Test func `a family that is slow is not waited for long, and not remembered long`() {
        var driver = QueryDriver("www.example", Self.plan())
        driver.reply(.a, [.init("www.example", 300, .address(Self.four))])
        let before = driver.now
        driver.expire()
        #expect(driver.now - before == NameQuery.familyPatienceNanoseconds)
        #expect(
            driver.answer
                == .addresses([Self.four], lifetimeSeconds: NameQuery.partialLifetimeSeconds))
    }

    @Test func `a family whose servers fail does not spoil the other`() {
        var driver = QueryDriver("www.example", Self.plan { $0.attempts = 1 })
        driver.reply(.aaaa, code: 2)
        driver.reply(.a, [.init("www.example", 5, .address(Self.four))])
        #expect(driver.answer == .addresses([Self.four], lifetimeSeconds: 5))
    }

    @Test func `an answer of the other family is not an answer`() {
        var driver = QueryDriver("www.example", Self.plan { $0.families = .onlyV6 })
        driver.reply(
            .aaaa,
            [
                .init(
                    "www.example", 5,
                    .raw(
                        type: 28,
                        bytes: Array(repeating: 0, count: 10)
                            + [0xff, 0xff, 10, 0, 0, 1]))
            ])
        #expect(driver.answer == .absent(lifetimeSeconds: nil))
    }

    // MARK: Absence

    @Test(arguments: [
        ("the name does not exist", UInt16(3)), ("it has no address", UInt16(0)),
    ])
    func `a name that leads nowhere is absent as long as its zone says`(
        name: String, code: UInt16
    ) {
        var driver = QueryDriver("none.example", Self.plan(servers: 2))
        driver.reply(.a, code: code, authorities: [Self.absence])
        driver.reply(.aaaa, code: code, authorities: [Self.absence])
        #expect(driver.answer == .absent(lifetimeSeconds: 60))
        #expect(driver.sent.count == 2)
    }

    @Test func `an absence without a zone may not be remembered`() {
        var driver = QueryDriver("none.example", Self.plan())
        driver.reply(.a, code: 3, authorities: [Self.absence])
        driver.reply(.aaaa, code: 3)
        #expect(driver.answer == .absent(lifetimeSeconds: nil))
    }

    @Test(arguments: ["", "a..b", String(repeating: "a", count: 64)])
    func `what is no name is absent without asking`(name: String) {
        let driver = QueryDriver(name, Self.plan())
        #expect(driver.sent == [])
        #expect(driver.answer == .absent(lifetimeSeconds: nil))
    }

    // MARK: Aliases

    @Test func `aliases are followed inside one answer`() {
        var driver = QueryDriver("www.example", Self.plan { $0.families = .onlyV4 })
        driver.reply(
            .a,
            [
                .init("www.example", 300, .alias("cdn.test")),
                .init("cdn.test", 20, .address(Self.four)),
                .init("evil.test", 20, .address(.loopbackV4)),
            ])
        #expect(driver.answer == .addresses([Self.four], lifetimeSeconds: 20))
    }

    // MARK: Forgery

    @Test func `only the server that was asked can answer, to the id and question asked`() throws {
        var driver = QueryDriver("www.example", Self.plan { $0.families = .onlyV4 })
        let (query, server) = try #require(driver.open.values.first)
        let forged = DNSAnswer.Record("www.example", 300, .address(.loopbackV4))
        let good = DNSAnswer(id: query.id, question: query.question, answers: [forged])
        var wrongID = good
        wrongID.id = query.id ^ 1
        var wrongQuestion = good
        wrongQuestion.question = DNS.Question(try #require(DNS.Name("other.example")), .a)
        var noQuestion = good
        noQuestion.question = nil

        driver.receive(wrongID.encoded(), from: server.endpoint)
        driver.receive(wrongQuestion.encoded(), from: server.endpoint)
        driver.receive(noQuestion.encoded(), from: server.endpoint)
        driver.receive(good.encoded(), from: Endpoint(server.endpoint.address, 54))
        driver.receive(good.encoded(), from: Endpoint(.loopbackV4, 53))
        driver.receive([], from: server.endpoint)
        driver.receive(Array(good.encoded().dropLast()), from: server.endpoint)
        #expect(driver.answer == nil)
        #expect(driver.open.count == 1)

        driver.reply(.a, [.init("www.example", 5, .address(Self.four))])
        #expect(driver.answer == .addresses([Self.four], lifetimeSeconds: 5))
    }

    @Test func `ids follow from the seed and differ`() {
        let ids = (0..<200).map { seed in
            QueryDriver("a.b", Self.plan(), seed: seed &* 0x9e37_79b9).open.values.map(\.query.id)
        }
        #expect(Set(ids.flatMap { $0 }).count > 350)
        #expect(
            QueryDriver("a.b", Self.plan(), seed: 3).open.mapValues(\.query)
                == QueryDriver("a.b", Self.plan(), seed: 3).open.mapValues(\.query))
    }
}
