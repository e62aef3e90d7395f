import KernelTesting
import LinuxIO
import Model
import Routing
import Rules
import Testing

@Suite("A router", .timeLimit(.minutes(5)))
struct RouterTests {
    private static let (first, second, third) = ("203.0.113.5", "203.0.113.6", "203.0.113.7")
    private let bench = RouterBench()

    /// A play of one SOCKS5 node that connects to `example.com`.
    private static let good = [
        Speech.greeting, .init(Speech.connect("example.com", 443), .say(Speech.granted)),
    ]

    private func hop(
        _ addresses: [String], _ strategy: Selector.Strategy = .fifo,
        bypass: RouteBypass? = nil
    ) -> Hop {
        Hop(
            addresses.map { RouterBench.node($0, name: $0) }, strategy: strategy, bypass: bypass)
    }

    private func fault(_ address: String, _ fault: NodeFault) -> RouterBench.Outcome {
        .failed(.node("'\(address)' at \(address):1080", fault))
    }

    // MARK: Several hops

    @Test func `each node is asked for the next one, the last for the destination`() throws {
        bench.take(
            RouterBench.node(Self.first, .http(fields: []), name: "a"),
            RouterBench.node("proxy.example", .socks5, name: "b"),
            RouterBench.node(Self.third, .http(fields: []), name: "c"))
        let node = try bench.play(
            Self.first,
            [
                .init(
                    Speech.tunnel("proxy.example:1080"),
                    .say(Array("HTTP/1.1 200 OK\r\n\r\n".utf8))),
                Speech.greeting,
                .init(Speech.connect([203, 0, 113, 7], 1080), .say(Speech.granted)),
                .init(
                    Speech.tunnel("example.com:443"),
                    .say(Array("HTTP/1.1 200 OK\r\n\r\nhi".utf8))),
            ])
        #expect(bench.dial() == RouterBench.connected(["a", "b", "c"], "hi"))
        #expect(node.surprises.isEmpty)
        #expect(bench.table.asked.isEmpty, "names go down the chain unresolved")
    }

    /// What can go wrong at each of two SOCKS5 nodes: after so many good lines.
    static let stages = ["greeting of a", "request of a", "greeting of b", "request of b"]

    private static let lines = [
        Speech.greeting, PlayedNode.Line(Speech.connect("b.example", 1080), .say(Speech.granted)),
        Speech.greeting,
        PlayedNode.Line(Speech.connect("example.com", 443), .say(Speech.granted)),
    ]

    private func outcome(at stage: Int, _ action: PlayedNode.Action) throws -> RouterBench.Outcome {
        bench.take(
            RouterBench.node(Self.first, name: "a"), RouterBench.node("b.example", name: "b"))
        var play = Array(Self.lines[..<stage])
        play.append(.init(Self.lines[stage].expected, action))
        try bench.play(Self.first, play)
        return bench.dial()
    }

    private func isFault(
        _ outcome: RouterBench.Outcome, of name: String, _ fault: NodeFault
    ) -> Bool {
        guard case .failed(.node(let label, let found)) = outcome else { return false }
        return label.hasPrefix("'\(name)'") && found == fault
    }

    @Test(arguments: stages.indices)
    func `a node that ends is named`(_ stage: Int) throws {
        let outcome = try outcome(at: stage, .end)
        #expect(isFault(outcome, of: stage < 2 ? "a" : "b", .ended), "\(outcome)")
    }

    @Test(arguments: stages.indices)
    func `a node that resets is named`(_ stage: Int) throws {
        let outcome = try outcome(at: stage, .reset)
        guard case .failed(.node(let label, .failed(let error))) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(label.hasPrefix(stage < 2 ? "'a'" : "'b'"))
        #expect(error.isReset)
    }

    @Test(arguments: stages.indices)
    func `silence ends with the deadline`(_ stage: Int) throws {
        let outcome = try outcome(at: stage, .rest)
        #expect((0...1).contains(bench.tookMilliseconds - bench.milliseconds))
        switch stage {
        case 0: #expect(isFault(outcome, of: "a", .timedOut))
        case 1: #expect(isFault(outcome, of: "b", .unreachable(.timedOut)))
        case 2: #expect(isFault(outcome, of: "b", .timedOut))
        default: #expect(isFault(outcome, of: "b", .destination(.timedOut)))
        }
    }

    @Test func `a node that the one before cannot reach is the one that failed`() throws {
        let outcome = try outcome(at: 1, .say([5, 5, 0, 1, 0, 0, 0, 0, 0, 0]))
        #expect(isFault(outcome, of: "b", .unreachable(.refused)))
    }

    // MARK: Attempts and rests

    @Test func `without retries one node is tried, and one that failed rests`() throws {
        bench.take(hop([Self.first, Self.second]))
        let node = try bench.play(Self.second, Self.good)
        #expect(bench.dial() == fault(Self.first, .unreachable(.refused)))
        #expect(bench.dial() == RouterBench.connected([Self.second]))
        #expect(bench.dial() == RouterBench.connected([Self.second]))
        #expect(node.connectionCount == 3 - 1)
    }

    @Test func `a retry takes another node`() throws {
        bench.take(hop([Self.first, Self.second, Self.third]))
        bench.plan.retries = 2
        try bench.play(Self.third, Self.good)
        bench.simulation.kernel.routes[try #require(IPAddress(Self.second))] = .silent
        #expect(bench.dial() == RouterBench.connected([Self.third]))
        #expect(bench.tookMilliseconds < bench.milliseconds, "an attempt has its share of the time")
    }

    @Test func `retries have one deadline together`() throws {
        bench.take(hop([Self.first, Self.second]))
        bench.plan.retries = 3
        for address in [Self.first, Self.second] {
            bench.simulation.kernel.routes[try #require(IPAddress(address))] = .silent
        }
        #expect(bench.dial() == fault(Self.first, .unreachable(.timedOut)))
        #expect((0...1).contains(bench.tookMilliseconds - bench.milliseconds))
    }

    @Test func `a destination that fails is no failure of the node`() throws {
        bench.take(hop([Self.first, Self.second]))
        try bench.play(
            Self.first,
            [
                Speech.greeting,
                .init(
                    Speech.connect("example.com", 443), .say([5, 5, 0, 1, 0, 0, 0, 0, 0, 0])),
            ])
        for _ in 0..<3 { #expect(bench.dial() == fault(Self.first, .destination(.refused))) }
    }

    @Test func `services that share a hop share its rests`() throws {
        let hop = hop([Self.first, Self.second])
        bench.take(hop)
        #expect(bench.dial() == fault(Self.first, .unreachable(.refused)))
        let other = RouterBench()
        other.take(hop)
        try other.play(Self.second, Self.good)
        #expect(other.dial() == RouterBench.connected([Self.second]))
    }

    @Test func `backups are for when nobody else works`() throws {
        bench.take(
            Hop(
                [
                    RouterBench.node(
                        Self.first, name: "backup", member: RouterBench.member(isBackup: true)),
                    RouterBench.node(Self.second, name: "primary"),
                ], strategy: .fifo))
        bench.plan.retries = 1
        try bench.play(Self.first, Self.good)
        #expect(bench.dial() == RouterBench.connected(["backup"]))
        let back = RouterBench()
        back.take(
            Hop(
                [
                    RouterBench.node(
                        Self.first, name: "backup", member: RouterBench.member(isBackup: true)),
                    RouterBench.node(Self.second, name: "primary"),
                ], strategy: .round))
        try back.play(Self.second, Self.good)
        for _ in 0..<4 { #expect(back.dial() == RouterBench.connected(["primary"])) }
    }

    // MARK: Bypasses

    @Test func `a hop that is bypassed ends the chain before it`() throws {
        bench.take(hop([Self.first]), hop([Self.second], bypass: { $0.user == "alice" }))
        let node = try bench.play(Self.first, Self.good)
        #expect(bench.dial(user: "alice") == RouterBench.connected([Self.first]))
        #expect(node.surprises.isEmpty)
    }

    @Test func `a first hop that is bypassed leaves the direct way`() throws {
        bench.take(hop([Self.first], bypass: { $0.destination.port == 443 }))
        let origin = try #require(IPAddress("198.51.100.1"))
        bench.table.addresses["example.com"] = [origin]
        _ = try bench.simulation.peer("198.51.100.1").listen(port: 443)
        #expect(
            bench.dial() == .connected(to: Endpoint(origin, 443), route: [], unread: []))
    }

    // MARK: Rules

    @Test func `a node is for what its rule holds for, and the longest rule wins`() throws {
        bench.take(
            Hop(
                [
                    RouterBench.node(Self.first, name: "any"),
                    RouterBench.node(Self.second, name: "com", rule: "HostRegexp(`com$`)"),
                    RouterBench.node(
                        Self.third, name: "udp", rule: "HostRegexp(`com$`) && Network(`udp`)"),
                ], strategy: .fifo))
        try bench.play(Self.second, Self.good)
        #expect(bench.dial() == RouterBench.connected(["com"]))
        try bench.play(
            Self.first,
            [Speech.greeting, .init(Speech.connect("a.example", 80), .say(Speech.granted))])
        let other = bench.dial(Destination(host: .name("a.example"), port: 80))
        #expect(
            other == .connected(to: Endpoint(.anyV4, 80), route: ["any"], unread: []))
    }

    @Test func `a hop whose nodes are all for something else ends the chain`() throws {
        bench.take(
            hop([Self.first]),
            Hop([RouterBench.node(Self.second, rule: "Network(`udp`)")], strategy: .fifo))
        try bench.play(Self.first, Self.good)
        #expect(bench.dial() == RouterBench.connected([Self.first]))
    }

    @Test func `a group takes a chain that is for the request, and none goes directly`() throws {
        let chain = { (name: String, rule: String, address: String) throws in
            ChainGroup.Chain(
                name: name, hops: [Hop([RouterBench.node(address, name: name)], strategy: .fifo)],
                filter: RouteFilter(rule: try Rule(rule, of: .chain)), member: RouterBench.member())
        }
        bench.plan.group = ChainGroup(
            [
                try chain("com", "Host(`*.com`)", Self.first),
                try chain("org", "Host(`*.org`)", Self.second),
            ], strategy: .round)
        try bench.play(Self.first, Self.good)
        for _ in 0..<3 { #expect(bench.dial() == RouterBench.connected(["com"])) }
        let origin = try #require(IPAddress("198.51.100.1"))
        bench.table.addresses["a.net"] = [origin]
        _ = try bench.simulation.peer("198.51.100.1").listen(port: 443)
        #expect(
            bench.dial(Destination(host: .name("a.net"), port: 443))
                == .connected(to: Endpoint(origin, 443), route: [], unread: []))
    }

    // MARK: Names and policy

    @Test func `the first node's name is resolved here`() throws {
        bench.take(RouterBench.node("proxy.example"))
        bench.table.addresses["proxy.example"] = [try #require(IPAddress(Self.second))]
        try bench.play(Self.second, Self.good)
        #expect(bench.dial() == RouterBench.connected(["n"]))
        #expect(bench.table.asked == ["proxy.example"])
    }

    @Test func `a service's own list of hosts has the first word, others' names pass`() throws {
        bench.take(RouterBench.node(Self.first))
        let written = RouterBench.Table()
        written.addresses["example.com"] = [try #require(IPAddress("198.51.100.7"))]
        bench.plan.farNames = .written(written)
        try bench.play(
            Self.first,
            [
                Speech.greeting,
                .init(Speech.connect([198, 51, 100, 7], 443), .say(Speech.granted)),
            ])
        let endpoint = try #require(Endpoint("198.51.100.7:443"))
        #expect(bench.dial() == .connected(to: endpoint, route: ["n"], unread: []))
        let other = RouterBench()
        other.take(RouterBench.node(Self.first))
        other.plan.farNames = .written(RouterBench.Table())
        try other.play(Self.first, Self.good)
        #expect(other.dial() == RouterBench.connected(["n"]))
    }

    @Test func `a node that policy forbids is not dialled`() throws {
        bench.take(RouterBench.node(Self.first))
        bench.plan.nodeObjection = { _ in "own-listener" }
        let node = try bench.play(Self.first, Self.good)
        #expect(
            bench.dial()
                == .failed(
                    .node(RouterBench.label(Self.first), .unreachable(.denied("own-listener")))))
        #expect(node.connectionCount == 0)
    }

    @Test func `a literal destination that policy forbids is not asked for`() throws {
        bench.take(RouterBench.node(Self.first))
        bench.plan.farObjection = { _ in "metadata" }
        let node = try bench.play(Self.first, Self.good)
        let endpoint = try #require(Endpoint("169.254.169.254:80"))
        #expect(bench.dial(Destination(endpoint)) == .failed(.denied("metadata")))
        #expect(node.connectionCount == 0)
        #expect(bench.dial() == RouterBench.connected(["n"]), "names pass")
    }
}
