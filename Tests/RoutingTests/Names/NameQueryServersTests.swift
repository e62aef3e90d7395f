import Chance
import CodecTesting
import Codecs
import Model
import Routing
import Testing

@Suite("NameQuery: servers, search domains, time")
struct NameQueryServersTests {
    // MARK: Other servers, other transports

    @Test func `the next server is asked after a timeout, in rounds`() {
        var driver = QueryDriver("a.b", NameQueryTests.plan(servers: 2) { $0.families = .onlyV4 })
        for _ in 0..<4 { driver.expire() }
        #expect(
            driver.sent == [
                "10.0.0.1 a.b A udp", "10.0.0.2 a.b A udp", "10.0.0.1 a.b A udp",
                "10.0.0.2 a.b A udp",
            ])
        #expect(driver.answer == .failed(.timedOut))
    }

    @Test func `an answer that comes after its server was given up is ignored`() throws {
        var driver = QueryDriver("a.b", NameQueryTests.plan(servers: 2) { $0.families = .onlyV4 })
        let (query, server) = try #require(driver.open.values.first)
        driver.expire()
        let late = DNSAnswer(
            id: query.id, question: query.question,
            answers: [.init("a.b", 5, .address(NameQueryTests.four))])
        driver.receive(late.encoded(), from: server.endpoint)
        #expect(driver.answer == nil)
    }

    @Test(arguments: [UInt16(2), 5, 9, 23])
    func `the next server is asked when one cannot or will not tell`(code: UInt16) {
        var driver = QueryDriver("a.b", NameQueryTests.plan(servers: 2) { $0.families = .onlyV4 })
        driver.reply(.a, code: code)
        driver.reply(.a, [.init("a.b", 5, .address(NameQueryTests.four))])
        #expect(driver.sent == ["10.0.0.1 a.b A udp", "10.0.0.2 a.b A udp"])
        #expect(driver.answer == .addresses([NameQueryTests.four], lifetimeSeconds: 5))
    }

    @Test func `servers that all fail are told from servers that are silent`() {
        var driver = QueryDriver(
            "a.b",
            NameQueryTests.plan(servers: 2) {
                $0.families = .onlyV4
                $0.attempts = 1
            })
        driver.reply(.a, code: 2)
        driver.expire()
        #expect(driver.answer == .failed(.serverFailure))
    }

    @Test func `a socket that fails is a server that fails`() throws {
        var driver = QueryDriver(
            "a.b",
            NameQueryTests.plan(servers: 2) {
                $0.families = .onlyV4
                $0.attempts = 1
            })
        for _ in 0..<2 {
            let exchange = try #require(driver.exchange(.a))
            driver.perform(driver.query.failed(exchange: exchange, nowNanoseconds: driver.now))
        }
        #expect(driver.answer == .failed(.serverFailure))
        driver.perform(driver.query.failed(exchange: 1, nowNanoseconds: driver.now))
    }

    @Test(arguments: [(UInt16(1), true), (1, false), (4, true)])
    func `a server from before EDNS is asked without it`(code: UInt16, hasQuestion: Bool) {
        var driver = QueryDriver("a.b", NameQueryTests.plan { $0.families = .onlyV4 })
        driver.reply(.a, code: code, hasQuestion: hasQuestion)
        driver.reply(.a, [.init("a.b", 5, .address(NameQueryTests.four))])
        #expect(driver.sent == ["10.0.0.1 a.b A udp", "10.0.0.1 a.b A udp plain"])
        #expect(driver.answer == .addresses([NameQueryTests.four], lifetimeSeconds: 5))
    }

    @Test func `a server that never reads a query is a server that fails`() {
        var driver = QueryDriver(
            "a.b",
            NameQueryTests.plan {
                $0.families = .onlyV4
                $0.attempts = 1
            })
        driver.reply(.a, code: 1)
        driver.reply(.a, code: 1)
        #expect(driver.answer == .failed(.serverFailure))
    }

    @Test func `what is truncated is asked for again over TCP`() {
        var driver = QueryDriver("a.b", NameQueryTests.plan(servers: 2) { $0.families = .onlyV4 })
        driver.reply(
            .a, isTruncated: true, [.init("a.b", 5, .address(.loopbackV4))])
        driver.reply(.a, [.init("a.b", 5, .address(NameQueryTests.four))])
        #expect(driver.sent == ["10.0.0.1 a.b A udp", "10.0.0.1 a.b A tcp"])
        #expect(driver.answer == .addresses([NameQueryTests.four], lifetimeSeconds: 5))
    }

    @Test func `a server without TCP gives way to the next`() throws {
        var driver = QueryDriver("a.b", NameQueryTests.plan(servers: 2) { $0.families = .onlyV4 })
        driver.reply(.a, isTruncated: true)
        let exchange = try #require(driver.exchange(.a))
        driver.perform(driver.query.failed(exchange: exchange, nowNanoseconds: driver.now))
        #expect(driver.sent.last == "10.0.0.2 a.b A udp")
    }

    @Test func `nonsense over TCP, and truncation there, fail the server`() throws {
        var driver = QueryDriver("a.b", NameQueryTests.plan(servers: 2) { $0.families = .onlyV4 })
        driver.reply(.a, isTruncated: true)
        let exchange = try #require(driver.exchange(.a))
        let nonsense: [UInt8] = [1, 2, 3]
        driver.perform(
            driver.query.received(
                nonsense.span.bytes, exchange: exchange, nowNanoseconds: driver.now))
        #expect(driver.sent.last == "10.0.0.2 a.b A udp")
        driver.reply(.a, isTruncated: true)
        driver.reply(.a, isTruncated: true)
        #expect(driver.sent.last == "10.0.0.1 a.b A udp")
    }

    @Test func `a server may be asked over TCP from the start`() {
        let server = NameServer(Endpoint(.loopbackV4, 53), .tcp)
        var plan = NameQueryPlan(servers: [server])
        plan.families = .onlyV6
        var driver = QueryDriver("a.b", plan)
        #expect(driver.sent == ["127.0.0.1 a.b AAAA tcp"])
        driver.reply(.aaaa, [.init("a.b", 5, .address(NameQueryTests.six))])
        #expect(driver.answer == .addresses([NameQueryTests.six], lifetimeSeconds: 5))
    }

    // MARK: Search domains

    @Test(arguments: [
        ("a short name", "host", ["host.x", "host.y.z", "host"]),
        ("enough dots", "host.sub", ["host.sub", "host.sub.x", "host.sub.y.z"]),
        ("a complete name", "host.", ["host"]),
    ])
    func `candidates are tried in the order of resolv.conf`(
        name: String, host: String, candidates: [String]
    ) {
        var driver = QueryDriver(
            host,
            NameQueryTests.plan {
                $0.families = .onlyV4
                $0.searchDomains = ["x", "y.z"]
            })
        for _ in candidates { driver.reply(.a, code: 3, authorities: [NameQueryTests.absence]) }
        #expect(driver.sent == candidates.map { "10.0.0.1 \($0) A udp" })
        #expect(driver.answer == .absent(lifetimeSeconds: 60))
    }

    @Test func `a candidate whose servers fail is passed over and remembered`() {
        var driver = QueryDriver(
            "host",
            NameQueryTests.plan {
                $0.families = .onlyV4
                $0.attempts = 1
                $0.searchDomains = ["x"]
            })
        driver.reply(.a, code: 2)
        driver.reply(.a, code: 3, authorities: [NameQueryTests.absence])
        #expect(driver.answer == .failed(.serverFailure))
    }

    // MARK: Time

    @Test func `the whole ends in time, whatever there is left to try`() {
        var driver = QueryDriver(
            "a.b",
            NameQueryTests.plan(servers: 8) {
                $0.attempts = 5
                $0.searchDomains = ["x", "y", "z"]
            })
        let start = driver.now
        var turns = 0
        while driver.answer == nil && turns < 1000 {
            driver.expire()
            turns += 1
        }
        #expect(driver.answer == .failed(.timedOut))
        #expect(driver.now - start == 20_000_000_000)
    }

    @Test func `what is there at the end is given`() {
        var driver = QueryDriver("a.b", NameQueryTests.plan { $0.overallNanoseconds = 100_000_000 })
        driver.reply(.a, [.init("a.b", 99, .address(NameQueryTests.four))])
        driver.expire()
        #expect(
            driver.answer
                == .addresses(
                    [NameQueryTests.four], lifetimeSeconds: NameQuery.partialLifetimeSeconds))
    }

    @Test func `nothing happens after the end`() throws {
        var driver = QueryDriver("a.b", NameQueryTests.plan { $0.families = .onlyV4 })
        let server = try #require(driver.open.values.first?.server)
        driver.reply(.a, [.init("a.b", 5, .address(NameQueryTests.four))])
        driver.receive([1, 2, 3], from: server.endpoint)
        driver.perform(driver.query.deadlinePassed(nowNanoseconds: .max))
        driver.perform(driver.query.failed(exchange: 1, nowNanoseconds: driver.now))
        #expect(driver.query.deadlineNanoseconds == nil)
    }

    @Test func `starting twice is a bug of ours and traps`() async {
        await #expect(processExitsWith: .failure) {
            var query = NameQuery(name: "a", plan: NameQueryTests.plan(), seed: 1)
            _ = query.start(nowNanoseconds: 0)
            _ = query.start(nowNanoseconds: 0)
        }
    }

    // MARK: Random histories

    @Test(arguments: 0..<20)
    func `every history ends once, in time, with nothing left open`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<100 {
            let families = AddressFamilies.allCases.randomElement(using: &random) ?? .preferV4
            var driver = QueryDriver(
                "host",
                NameQueryTests.plan(servers: Int.random(in: 1...3, using: &random)) {
                    $0.families = families
                    $0.searchDomains = ["x"]
                }, seed: random.next())
            let start = driver.now
            var turns = 0
            while driver.answer == nil && turns < 1000 {
                Self.step(&driver, using: &random)
                turns += 1
            }
            #expect(driver.answer != nil)
            #expect(driver.now - start <= 20_000_000_000)
        }
    }

    private static func step(_ driver: inout QueryDriver, using random: inout SplitMix64) {
        guard let exchange = driver.open.keys.sorted().randomElement(using: &random),
            let (query, server) = driver.open[exchange]
        else {
            driver.expire()
            return
        }
        let type = query.question.type
        let address = type == .a ? NameQueryTests.four : NameQueryTests.six
        let name = query.question.name.description
        switch Int.random(in: 0..<9, using: &random) {
        case 0: driver.reply(type, [.init(name, 60, .address(address))])
        case 1: driver.reply(type, code: 3, authorities: [NameQueryTests.absence])
        case 2: driver.reply(type, code: 2)
        case 3: driver.reply(type, code: 1, hasQuestion: false)
        case 4: driver.reply(type, isTruncated: true)
        case 5: driver.perform(driver.query.failed(exchange: exchange, nowNanoseconds: driver.now))
        case 6: driver.receive([0, 1, 2], from: server.endpoint)
        default: driver.expire()
        }
    }
}
