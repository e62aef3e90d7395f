import Model
import Routing
import Rules
import Testing

@Suite("A forwarder's targets")
struct TargetListTests {
    private static let targets = (0..<3).map {
        Destination(Endpoint(IPAddress(v4: 0xcb00_7100 + UInt32($0)), 80))
    }

    private func list(_ strategy: Selector.Strategy, maxFails: Int = 2) -> TargetList {
        TargetList(
            Self.targets, strategy: strategy, maxFails: maxFails, failTimeoutMilliseconds: 10_000)
    }

    private func order(
        _ list: TargetList, _ client: UInt32 = 1, at milliseconds: Int64 = 0, random: UInt64 = 0
    ) -> [Int] {
        list.order(
            client: Endpoint(IPAddress(v4: client), UInt16(truncatingIfNeeded: random)),
            transport: .tcp, nowMilliseconds: milliseconds, random: random)
    }

    @Test func `a target is for clients that its rule holds for`() throws {
        let member = Selector.Member(maxFails: 1, failTimeoutMilliseconds: 10_000)
        let rule = try Rule("ClientIP(`192.0.2.0/24`)", of: .forwarder)
        let filter = RouteFilter(rule: rule, priority: rule.priority)
        let list = TargetList(
            [
                TargetList.Target(Self.targets[0], member),
                TargetList.Target(Self.targets[1], filter: filter, member),
            ], strategy: .fifo)
        #expect(order(list, 0xc000_0201) == [1, 0], "the longest rule first")
        #expect(order(list, 0xc000_0301) == [0])
        let picky = TargetList(
            [TargetList.Target(Self.targets[1], filter: filter, member)], strategy: .fifo)
        #expect(order(picky, 0xc000_0301).isEmpty)
    }

    @Test(arguments: [Selector.Strategy.round, .random, .fifo, .hash])
    func `every target is tried once`(_ strategy: Selector.Strategy) {
        let list = list(strategy)
        for number in 0..<20 {
            #expect(order(list, UInt32(number), random: UInt64(number)).sorted() == [0, 1, 2])
        }
    }

    @Test func `round takes them in turn`() {
        let list = list(.round)
        #expect((0..<6).map { _ in order(list)[0] } == [0, 1, 2, 0, 1, 2])
    }

    @Test func `fifo takes the first that works`() {
        let list = list(.fifo, maxFails: 1)
        #expect(order(list) == [0, 1, 2])
        list.failed(0, nowMilliseconds: 0)
        #expect(order(list, at: 1) == [1, 2, 0])
        #expect(order(list, at: 10_001) == [0, 1, 2])
    }

    @Test func `chance reaches all of them`() {
        let list = list(.random)
        #expect(Set((0..<30).map { order(list, random: $0)[0] }) == [0, 1, 2])
    }

    @Test func `a client's hash leads to the same target, clients' to all`() {
        let list = list(.hash)
        for client in 0..<50 as Range<UInt32> {
            #expect(order(list, client, random: 1) == order(list, client, random: 2))
        }
        #expect(Set((0..<50).map { order(list, UInt32($0))[0] }) == [0, 1, 2])
    }

    @Test func `a target that failed often enough in a row comes last until its rest is over`() {
        let list = list(.fifo, maxFails: 2)
        list.failed(0, nowMilliseconds: 0)
        #expect(order(list, at: 1)[0] == 0, "once is not enough")
        list.succeeded(0)
        list.failed(0, nowMilliseconds: 2)
        #expect(order(list, at: 3)[0] == 0, "not in a row")
        list.failed(0, nowMilliseconds: 4)
        #expect(order(list, at: 5) == [1, 2, 0])
        #expect(order(list, at: 10_003) == [1, 2, 0])
        #expect(order(list, at: 10_004)[0] == 0)
    }

    @Test func `when all rest, all are tried`() {
        let list = list(.fifo, maxFails: 1)
        for target in 0..<3 { list.failed(target, nowMilliseconds: 0) }
        #expect(order(list, at: 1) == [0, 1, 2])
    }

    @Test func `an answer ends a rest`() {
        let list = list(.fifo, maxFails: 1)
        list.failed(0, nowMilliseconds: 0)
        list.succeeded(0)
        #expect(order(list, at: 1)[0] == 0)
    }
}
