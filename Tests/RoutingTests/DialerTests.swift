import KernelTesting
import LinuxIO
import Loop
import Model
import Routing
import Testing

@Suite("A dialer", .timeLimit(.minutes(5)))
final class DialerTests {
    private static let client = Endpoint(IPAddress(v4: 0xcb00_7101), 4000)

    /// Knows every name by a table.
    private final class Table: NameResolver {
        var addresses: [String: [IPAddress]] = [:]
        var fault = NameFault.notFound

        func resolve(
            _ name: String, deadlineNanoseconds: UInt64
        ) async throws(NameFault) -> [IPAddress] {
            guard let found = addresses[name] else { throw fault }
            return found
        }
    }

    private let simulation = Simulation(seed: 5)
    private let table = Table()
    private var objections: [IPAddress: String] = [:]
    private var judged: [Endpoint] = []
    private var started = 0
    private var egress = EgressPlan.anywhere
    private var ingress: IPAddress?
    private var outcome: String?

    /// Dials and lets time pass until it has ended; the address that answered, or the fault.
    private func dial(_ host: Destination.Host, limitMilliseconds: UInt64 = 6000) -> String {
        outcome = nil
        simulation.onLoop { loop in
            let dialer = Dialer(
                loop: loop, resolver: table, egress: egress,
                objection: { [self] endpoint, client in
                    #expect(client == Self.client)
                    judged.append(endpoint)
                    return objections[endpoint.address]
                })
            loop.start { [self] in
                do throws(DialFault) {
                    let socket = try await dialer.dial(
                        Destination(host: host, port: 80), client: Self.client,
                        ingress: ingress,
                        deadlineNanoseconds: loop.nowNanoseconds + limitMilliseconds * 1_000_000,
                        onStart: { _ in self.started += 1 })
                    outcome = "\(socket.peer.address)"
                    socket.close()
                } catch {
                    outcome = "\(error)"
                }
            }
        }
        guard simulation.run(limitMilliseconds: 60_000, until: { self.outcome != nil }) else {
            return "never"
        }
        simulation.run(milliseconds: 1000)
        #expect(simulation.kernel.openDescriptorCount == 0)
        #expect(simulation.loops[0].registrationCount == 0)
        return outcome ?? ""
    }

    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    private func addresses(_ texts: String...) throws -> [IPAddress] { try texts.map(address) }

    @Test func `every address is tried, of both families, until one answers`() throws {
        table.addresses["a"] = try addresses("203.0.113.1", "2001:db8::1", "203.0.113.2")
        _ = try simulation.peer("203.0.113.2").listen(port: 80)
        #expect(dial(.name("a")) == "203.0.113.2")
        #expect(started == 3)
    }

    @Test func `the first that answers is taken and no other is tried`() throws {
        table.addresses["a"] = try addresses("2001:db8::1", "203.0.113.2")
        _ = try simulation.peer("2001:db8::1").listen(port: 80)
        _ = try simulation.peer("203.0.113.2").listen(port: 80)
        #expect(dial(.name("a")) == "2001:db8::1")
        #expect(started == 1)
    }

    @Test func `a silent address leaves time for the others`() throws {
        table.addresses["a"] = try addresses("203.0.113.1", "203.0.113.2", "203.0.113.3")
        simulation.kernel.routes[try address("203.0.113.1")] = .silent
        simulation.kernel.routes[try address("203.0.113.2")] = .silent
        _ = try simulation.peer("203.0.113.3").listen(port: 80)
        let before = simulation.kernel.nowNanoseconds
        #expect(dial(.name("a"), limitMilliseconds: 6000) == "203.0.113.3")
        let taken = simulation.kernel.nowNanoseconds - before
        #expect(taken < 6_000_000_000, "both silent ones together get two thirds of the time")
    }

    @Test func `silence everywhere ends at the deadline`() throws {
        table.addresses["a"] = try addresses("203.0.113.1", "203.0.113.2")
        for text in ["203.0.113.1", "203.0.113.2"] {
            simulation.kernel.routes[try address(text)] = .silent
        }
        #expect(dial(.name("a"), limitMilliseconds: 4000) == "timedOut")
        #expect(simulation.kernel.nowNanoseconds < 7_000_000_000)
    }

    @Test(arguments: [
        (["refuses"], "refused"), (["missing"], "networkUnreachable"),
        (["unreachable"], "hostUnreachable"), (["silent"], "timedOut"),
        (["refuses", "missing"], "refused"), (["missing", "refuses"], "refused"),
        (["silent", "missing"], "timedOut"), (["unreachable", "silent"], "hostUnreachable"),
        (["refuses", "silent", "missing"], "refused"),
    ])
    func `the fault that tells most is reported`(_ kinds: [String], _ expected: String) throws {
        var all: [IPAddress] = []
        for (index, kind) in kinds.enumerated() {
            let address = IPAddress(v4: 0xcb00_7120 + UInt32(index))
            all.append(address)
            switch kind {
            case "missing": simulation.kernel.routes[address] = .missing
            case "unreachable": simulation.kernel.routes[address] = .unreachable
            case "silent": simulation.kernel.routes[address] = .silent
            default: break
            }
        }
        table.addresses["a"] = all
        #expect(dial(.name("a")) == expected)
    }

    @Test func `policy is asked about every address and what it forbids is not dialled`() throws {
        let all = try addresses("203.0.113.1", "203.0.113.2", "203.0.113.3")
        table.addresses["a"] = all
        objections[all[0]] = "because"
        _ = try simulation.peer("203.0.113.1").listen(port: 80)
        _ = try simulation.peer("203.0.113.3").listen(port: 80)
        #expect(dial(.name("a")) == "203.0.113.3")
        #expect(Set(judged.map(\.address)) == Set(all))
        #expect(started == 2)
    }

    @Test func `a destination whose addresses are all forbidden is denied with the reason`() throws
    {
        let all = try addresses("203.0.113.1", "203.0.113.2")
        table.addresses["a"] = all
        for address in all { objections[address] = "a private range" }
        #expect(dial(.name("a")) == "denied(\"a private range\")")
        #expect(dial(.address(all[0])) == "denied(\"a private range\")")
        #expect(started == 0)
    }

    @Test(arguments: [NameFault.notFound, .serverFailure, .timedOut, .overloaded])
    func `a name that does not resolve is not dialled`(_ fault: NameFault) {
        table.fault = fault
        #expect(dial(.name("nobody")).hasSuffix(".\(fault))"))
        #expect(started == 0)
    }

    @Test func `only so many addresses of one name are tried`() throws {
        table.addresses["a"] = (0..<100).map { IPAddress(v4: 0xcb00_7100 + UInt32($0)) }
        #expect(dial(.name("a")) == "refused")
        #expect(started == Limits.addressesPerName)
    }

    // MARK: Ways out

    /// Dials an address by some ways out; where the other side saw it come from, or the fault.
    private func source(_ choices: EgressPlan.Choice..., mark: UInt32 = 0, to host: String)
        throws -> String
    {
        egress = EgressPlan(choices, mark: mark)
        simulation.kernel.devices["eth1"] = try addresses("192.0.2.21", "2001:db8:2::1")
        var seen: Endpoint?
        let listener = try simulation.peer(host).listen(port: 80)
        listener.onConnection = { seen = $0.remote }
        let outcome = dial(.address(try address(host)))
        return outcome == host ? "\(seen?.address ?? .anyV4)" : outcome
    }

    @Test func `a connection leaves by interface, address or where it came in`() throws {
        #expect(try source(.init(.device("eth1")), to: "203.0.113.1") == "192.0.2.21")
        let own = try address("192.0.2.21")
        #expect(try source(.init(.address(own)), to: "203.0.113.2") == "192.0.2.21")
        ingress = own
        #expect(try source(.init(.ingress), mark: 3, to: "203.0.113.3") == "192.0.2.21")
    }

    @Test func `the next way is taken when one fails, up to a strict one`() throws {
        let stranger = try address("192.0.2.99")
        #expect(
            try source(
                .init(.device("eth9")), .init(.address(stranger)), .init(.device("eth1")),
                to: "203.0.113.1") == "192.0.2.21")
        let fault = try source(
            .init(.device("eth9"), isStrict: true), .init(.device("eth1")), to: "203.0.113.2")
        #expect(fault.contains("eth9") && fault.contains("setsockopt(SO_BINDTODEVICE): ENODEV"))
    }

    @Test func `an address of the other family is no way`() throws {
        let own = try address("2001:db8:2::1")
        #expect(
            try source(
                .init(.address(own), isStrict: true), .init(.device("eth1")),
                to: "203.0.113.1") == "192.0.2.21")
        #expect(
            try source(.init(.address(own)), to: "203.0.113.2").hasPrefix("egress(\"no interface"))
        #expect(try source(.init(.ingress), to: "203.0.113.3").hasPrefix("egress(\"no interface"))
    }

    @Test func `a mark that may not be set is a fault, never silence`() throws {
        simulation.kernel.allowsMarks = false
        let fault = try source(mark: 7, to: "203.0.113.1")
        #expect(fault.contains("so_mark 7: setsockopt(SO_MARK): EPERM; it needs the capability"))
        #expect(started == 0)
    }
}
