import Chance
import Inbound
import KernelTesting
import Limiting
import LinuxIO
import Model
import Testing

@Suite("HTTP with limits", .timeLimit(.minutes(5)))
struct HTTPLimitTests {
    private static let length = 20_000

    private func rates(
        _ key: LimitKey = .everything, uplink: Int? = nil, downlink: Int? = nil
    ) -> [any LimitSource] {
        let rate = { (bytes: Int) in ByteRate(bytesPerSecond: bytes, burstBytes: 500) }
        let rates = TrafficRates(uplink: uplink.map(rate), downlink: downlink.map(rate))
        return [LimiterUse(TrafficLimiter([(key, rates)]))]
    }

    private func quota(
        _ bytes: UInt64, counted: QuotaTerms.Counted = .total
    ) -> [any LimitSource] {
        [
            Quota(
                name: "q", [(.everything, bytes)], terms: QuotaTerms(counted: counted),
                clock: { 0 }, onExhausted: { _, _ in })
        ]
    }

    private static func post(_ fields: String, _ content: String) -> String {
        "POST http://origin.example/ HTTP/1.1\r\nHost: origin.example\r\n\(fields)\r\n\(content)"
    }

    private static let text = String(repeating: "x", count: length)

    /// Forms of content, each with how it begins.
    private static let contents = [
        "Content-Length: \(length)\r\n\r\n" + text,
        "Transfer-Encoding: chunked\r\n\r\n\(String(length, radix: 16))\r\n\(text)\r\n0\r\n\r\n",
    ]

    @Test(arguments: contents.indices)
    func `the content of a request keeps to the rate, and comes whole`(_ form: Int) throws {
        let bench = try HTTPBench(service: { $0.limits = rates(uplink: 4000) }) { _, _ in }
        let client = try bench.client()
        client.send(
            "POST http://origin.example/ HTTP/1.1\r\nHost: origin.example\r\n"
                + Self.contents[form])
        bench.run(milliseconds: 2500)
        let early = bench.received().utf8.count
        #expect(early > 8500 && early < 10_800, "\(early) bytes")
        bench.run(milliseconds: 5000)
        #expect(bench.received().utf8.count { $0 == UInt8(ascii: "x") } >= Self.length)
        bench.finish(client)
    }

    @Test(arguments: contents.indices)
    func `the content of an answer keeps to the rate, and comes whole`(_ form: Int) throws {
        let bench = try HTTPBench(
            answering: "HTTP/1.1 200 OK\r\n" + Self.contents[form],
            service: { $0.limits = rates(downlink: 4000) })
        let client = try bench.client()
        client.send(HTTPBench.get())
        bench.run(milliseconds: 2500)
        let early = client.received.count
        #expect(early > 8500 && early < 10_800, "\(early) bytes")
        bench.run(milliseconds: 5000)
        #expect(client.received.count { $0 == UInt8(ascii: "x") } >= Self.length)
        bench.finish(client)
    }

    @Test func `requests of all connections of a user share the user's rate`() throws {
        let alice = "Proxy-Authorization: Basic YWxpY2U6cA==\r\n"
        let bob = "Proxy-Authorization: Basic Ym9iOnA=\r\n"
        let bench = try HTTPBench(
            answering: "HTTP/1.1 200 OK\r\n" + Self.contents[0],
            authers: ["alice": "p", "bob": "p"],
            service: { $0.limits = rates(.user("alice"), downlink: 4000) })
        let clients = try (0..<2).map { _ in try bench.client() }
        for client in clients { client.send(HTTPBench.get("/", alice)) }
        let other = try bench.client()
        other.send(HTTPBench.get("/", bob))
        bench.run(milliseconds: 2500)
        let both = clients.reduce(0) { $0 + $1.received.count }
        #expect(both > 8500 && both < 10_800, "\(both) bytes")
        #expect(other.received.count > Self.length)
        bench.finish(clients[0], clients[1], other)
    }

    @Test(arguments: [LimitKey.everything, .eachConnection, .eachAddress])
    func `tunnels and upgrades keep to the rate`(_ key: LimitKey) throws {
        let upgrade =
            "GET http://origin.example/ HTTP/1.1\r\nHost: origin.example\r\n"
            + "Connection: upgrade\r\nUpgrade: test\r\n\r\n"
        let connect = "CONNECT origin.example:80 HTTP/1.1\r\nHost: origin.example:80\r\n\r\n"
        for head in [connect, upgrade] {
            var hasSwitched = false
            let bench = try HTTPBench(
                service: { $0.limits = rates(key, uplink: 4000, downlink: 4000) }
            ) { stream, _ in
                guard !hasSwitched else { return }
                hasSwitched = true
                if head == upgrade {
                    stream.send(
                        "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n")
                }
                stream.send(Self.text)
            }
            let client = try bench.client()
            _ = bench.exchange(client, head)
            client.send(Self.text)
            bench.run(milliseconds: 2500)
            let (up, down) = (bench.received().utf8.count, client.received.count)
            #expect(up > 8500 && up < 11_200, "\(up) bytes up, \(head)")
            #expect(down > 8500 && down < 11_200, "\(down) bytes down, \(head)")
            bench.finish(client)
        }
    }

    @Test func `what each connection may move is not more for more requests`() throws {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n"
        let bench = try HTTPBench(
            answering: answer + String(repeating: "x", count: 2000),
            service: { $0.limits = rates(.eachConnection, downlink: 4000) })
        let client = try bench.client()
        client.send(String(repeating: HTTPBench.get(), count: 10))
        bench.run(milliseconds: 2500)
        #expect(client.received.count > 8500 && client.received.count < 10_800)
        bench.finish(client)
    }

    @Test func `a quota of each connection is over after all its requests together`() throws {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n"
        let one = Quota(
            name: "q", [(.eachConnection, 5000)], terms: QuotaTerms(counted: .downlink),
            clock: { 0 }, onExhausted: { _, _ in })
        let bench = try HTTPBench(
            answering: answer + String(repeating: "x", count: 2000),
            service: { $0.limits = [one] })
        let client = try bench.client()
        client.send(String(repeating: HTTPBench.get(), count: 10))
        bench.run(milliseconds: 5000)
        #expect(client.received.count > 4000 && client.received.count <= 5000)
        bench.finish(client)
    }

    @Test func `what is left of a quota and does not cover a request's head is kept`() throws {
        let bench = try HTTPBench(
            answering: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            service: { $0.limits = quota(50) })
        let client = try bench.client()
        let answer = bench.exchange(client, HTTPBench.get())
        #expect(answer.firstLine == "HTTP/1.1 403 Forbidden")
        #expect(bench.received().isEmpty)
        let flow = try #require(bench.bench.closed.first)
        #expect(flow.end.cause == .quota)
        #expect(flow.counts == FlowCounts())
        bench.finish(client)
    }

    @Test func `an answer whose head a quota does not cover is not begun`() throws {
        let bench = try HTTPBench(
            answering: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            service: { $0.limits = quota(20, counted: .downlink) })
        let client = try bench.client()
        #expect(bench.exchange(client, HTTPBench.get()).isEmpty)
        #expect(client.error != nil)
        let flow = try #require(bench.bench.closed.first)
        #expect(flow.end.cause == .quota)
        #expect(flow.counts.downlinkBytes == 0)
        bench.finish(client)
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func `however many requests there are, a quota is never overdrawn`(_ seed: UInt64) throws {
        var chance = SplitMix64(seed: seed)
        let limit = UInt64.random(in: 1...30_000, using: &chance)
        var faults = Faults.none
        faults.shortReads = 0.3
        faults.shortWrites = 0.3
        var answered = 0
        let answers = [
            "HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n" + Self.text.prefix(700),
            "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
        ]
        let bench = try HTTPBench(
            service: { $0.limits = quota(limit) }, seed: seed, faults: faults
        ) { stream, _ in
            guard stream.received.suffix(4).elementsEqual("\r\n\r\n".utf8) else { return }
            stream.send(answers[answered % 2])
            answered += 1
        }
        var isOver = false
        for round in 0..<200 where !isOver {
            let clients = try (0..<3).map { _ in try bench.client() }
            for client in clients {
                let size = Int.random(in: 1...400, using: &chance)
                let chunk = "\(String(size, radix: 16))\r\n\(Self.text.prefix(size))\r\n"
                client.send(
                    round % 3 == 0
                        ? Self.post("Transfer-Encoding: chunked\r\n", chunk + "0\r\n\r\n")
                        : HTTPBench.get())
            }
            bench.run(milliseconds: 600)
            isOver = clients.allSatisfy { $0.received.starts(with: "HTTP/1.1 403".utf8) }
            for client in clients { client.reset() }
            bench.run(milliseconds: 100)
        }
        #expect(isOver, "seed \(seed)")
        let moved = bench.bench.closed.reduce(UInt64(0)) {
            $0 + $1.counts.uplinkBytes + $1.counts.downlinkBytes
        }
        #expect(moved <= limit, "seed \(seed)")
        let arrived = bench.origin.connections.reduce(0) { $0 + $1.received.count }
        #expect(arrived <= Int(limit), "seed \(seed)")
        bench.finish()
    }
}
