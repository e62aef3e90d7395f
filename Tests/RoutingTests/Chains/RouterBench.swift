import KernelTesting
import LinuxIO
import Loop
import Model
import Routing
import Rules
import Testing

/// A router on one simulated loop.
final class RouterBench {
    /// Knows every name by a table.
    final class Table: NameResolver {
        var addresses: [String: [IPAddress]] = [:]
        var asked: [String] = []

        func resolve(
            _ name: String, deadlineNanoseconds: UInt64
        ) async throws(NameFault) -> [IPAddress] {
            asked.append(name)
            guard let found = addresses[name] else { throw .notFound }
            return found
        }
    }

    /// How a dial ended.
    enum Outcome: Equatable {
        /// With a stream.
        case connected(to: Endpoint, route: [String], unread: [UInt8])
        case failed(DialFault)
        case never
    }

    static let client = Endpoint(IPAddress(v4: 0xcb00_7101), 4000)
    static let destination = Destination(host: .name("example.com"), port: 443)
    /// What the node of a test is called in faults.
    static func label(_ address: String) -> String { "'n' at \(address):1080" }

    let simulation: Simulation
    let table = Table()
    var plan = Router.Plan()
    var milliseconds: UInt64 = 15_000
    /// Simulated time that the last dial took.
    private(set) var tookMilliseconds: UInt64 = 0
    private var outcome: Outcome?
    private var router: Router?
    private var nodes: [PlayedNode] = []

    init(seed: UInt64 = 3) {
        simulation = Simulation(seed: seed)
        plan.makeResolver = { [table] _ in table }
    }

    static func member(
        weight: Int = 1, isBackup: Bool = false, maxFails: Int = 1
    ) -> Selector.Member {
        Selector.Member(
            weight: weight, isBackup: isBackup, maxFails: maxFails,
            failTimeoutMilliseconds: 10_000)
    }

    /// A node at an address or name, port 1080.
    static func node(
        _ host: String, _ kind: Connector.Kind = .socks5, login: Connector.Login? = nil,
        name: String = "n", rule: String? = nil,
        member: Selector.Member = member()
    ) -> ChainNode {
        ChainNode(
            name: name,
            address: Destination(
                host: IPAddress(host).map { .address($0) } ?? .name(host), port: 1080),
            connector: Connector(kind, login: login),
            filter: rule.flatMap { try? Rule($0, of: .chain) }.map {
                RouteFilter(rule: $0, priority: $0.priority)
            } ?? .everything, member: member)
    }

    /// A node that plays its part, at an address.
    @discardableResult
    func play(_ address: String, _ lines: [PlayedNode.Line]) throws -> PlayedNode {
        let node = try PlayedNode(simulation, address, lines)
        nodes.append(node)
        return node
    }

    /// Lets a chain of hops be taken.
    func take(_ hops: Hop...) {
        plan.group = ChainGroup(
            [ChainGroup.Chain(name: "c", hops: hops, member: Self.member())], strategy: .round)
    }

    /// A chain of hops with one node each.
    func take(_ nodes: ChainNode...) {
        plan.group = ChainGroup(
            [
                ChainGroup.Chain(
                    name: "c", hops: nodes.map { Hop([$0], strategy: .round) },
                    member: Self.member())
            ], strategy: .round)
    }

    /// Dials and lets time pass until it has ended. What answered is closed again.
    func dial(_ destination: Destination = destination, user: String? = nil) -> Outcome {
        outcome = nil
        let start = simulation.kernel.nowNanoseconds
        simulation.onLoop { [self] loop in
            let direct = Dialer(loop: loop, resolver: table, objection: { _, _ in nil })
            let router = router ?? Router(loop: loop, direct: direct, plan: plan)
            self.router = router
            loop.start { [self] in
                do throws(DialFault) {
                    let upstream = try await router.dial(
                        RouteQuery(destination, client: Self.client, user: user),
                        deadlineNanoseconds: loop.nowNanoseconds + milliseconds * 1_000_000,
                        onStart: { _ in })
                    outcome = .connected(
                        to: upstream.destination, route: upstream.route,
                        unread: Array(upstream.socket.unread))
                    upstream.socket.close()
                } catch {
                    outcome = .failed(error)
                }
            }
        }
        guard simulation.run(limitMilliseconds: 60_000, until: { self.outcome != nil }) else {
            return .never
        }
        tookMilliseconds = (simulation.kernel.nowNanoseconds - start) / 1_000_000
        simulation.run(milliseconds: 500)
        #expect(simulation.kernel.openDescriptorCount == 0)
        return outcome ?? .never
    }

    /// What a dial through the chain to `destination` brings.
    static func connected(_ route: [String], _ unread: String = "") -> Outcome {
        .connected(
            to: Endpoint(.anyV4, 443), route: route, unread: Array(unread.utf8))
    }
}
