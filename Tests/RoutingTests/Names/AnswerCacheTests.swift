import Model
import Routing
import Testing

@Suite("AnswerCache")
struct AnswerCacheTests {
    private let second: UInt64 = 1_000_000_000

    private func key(_ name: String) -> AnswerCache.Key {
        AnswerCache.Key(name: name, families: .preferV4)
    }

    private func answer(_ seconds: UInt32) -> NameAnswer {
        .addresses([.loopbackV4], lifetimeSeconds: seconds)
    }

    @Test func `an answer is good for its lifetime and for any capitals`() {
        var cache = AnswerCache()
        cache.insert(answer(10), for: key("Example.com"), nowNanoseconds: 5 * second)
        #expect(cache.answer(for: key("example.COM"), nowNanoseconds: 5 * second) == answer(10))
        #expect(cache.answer(for: key("example.com"), nowNanoseconds: 15 * second - 1) != nil)
        #expect(cache.answer(for: key("example.com"), nowNanoseconds: 15 * second) == nil)
    }

    @Test func `families are kept apart`() {
        var cache = AnswerCache()
        cache.insert(answer(10), for: key("a"), nowNanoseconds: 0)
        let other = AnswerCache.Key(name: "a", families: .onlyV6)
        #expect(cache.answer(for: other, nowNanoseconds: 0) == nil)
    }

    @Test(arguments: [
        ("a failure", NameAnswer.failed(.serverFailure)), ("a timeout", .failed(.timedOut)),
        ("an absence without bound", .absent(lifetimeSeconds: nil)),
        ("an absence of no time", .absent(lifetimeSeconds: 0)),
        ("addresses for no time", .addresses([.loopbackV4], lifetimeSeconds: 0)),
    ])
    func `what may not be kept is not`(name: String, answer: NameAnswer) {
        var cache = AnswerCache()
        cache.insert(answer, for: key("a"), nowNanoseconds: 0)
        #expect(cache.count == 0)
    }

    @Test func `an absence is kept as long as it says and not over an hour`() {
        var cache = AnswerCache()
        cache.insert(.absent(lifetimeSeconds: 5), for: key("a"), nowNanoseconds: 0)
        cache.insert(.absent(lifetimeSeconds: 99_999), for: key("b"), nowNanoseconds: 0)
        #expect(
            cache.answer(for: key("a"), nowNanoseconds: 5 * second - 1)
                == .absent(lifetimeSeconds: 5))
        #expect(cache.answer(for: key("a"), nowNanoseconds: 5 * second) == nil)
        #expect(cache.answer(for: key("b"), nowNanoseconds: 3600 * second - 1) != nil)
        #expect(cache.answer(for: key("b"), nowNanoseconds: 3600 * second) == nil)
    }

    @Test func `nothing is kept over a day`() {
        var cache = AnswerCache()
        cache.insert(answer(.max), for: key("a"), nowNanoseconds: 0)
        #expect(cache.answer(for: key("a"), nowNanoseconds: 86_400 * second - 1) != nil)
        #expect(cache.answer(for: key("a"), nowNanoseconds: 86_400 * second) == nil)
    }

    @Test func `a fixed lifetime overrides answers, and none keeps nothing`() {
        var fixed = AnswerCache(lifetime: .fixed(seconds: 3))
        fixed.insert(answer(0), for: key("a"), nowNanoseconds: 0)
        #expect(fixed.answer(for: key("a"), nowNanoseconds: 3 * second - 1) != nil)
        #expect(fixed.answer(for: key("a"), nowNanoseconds: 3 * second) == nil)
        var none = AnswerCache(lifetime: .none)
        none.insert(answer(10), for: key("a"), nowNanoseconds: 0)
        #expect(none.count == 0)
    }

    @Test func `a newer answer replaces the older`() {
        var cache = AnswerCache(capacity: 1)
        cache.insert(answer(10), for: key("a"), nowNanoseconds: 0)
        cache.insert(.absent(lifetimeSeconds: 2), for: key("a"), nowNanoseconds: second)
        #expect(cache.count == 1)
        #expect(
            cache.answer(for: key("a"), nowNanoseconds: second) == .absent(lifetimeSeconds: 2))
    }

    @Test func `a flood of names does not drive out one that is in use`() {
        var cache = AnswerCache(capacity: 8)
        cache.insert(answer(1000), for: key("used"), nowNanoseconds: 0)
        for index in 0..<1000 {
            cache.insert(answer(1000), for: key("flood\(index)"), nowNanoseconds: 0)
            #expect(cache.answer(for: key("used"), nowNanoseconds: 0) != nil)
            #expect(cache.count <= 8)
        }
        #expect(cache.answer(for: key("flood0"), nowNanoseconds: 0) == nil)
        #expect(cache.answer(for: key("flood999"), nowNanoseconds: 0) != nil)
    }

    @Test func `an answer that is no longer good gives way even if it was used`() {
        var cache = AnswerCache(capacity: 2)
        cache.insert(answer(1), for: key("old"), nowNanoseconds: 0)
        cache.insert(answer(100), for: key("good"), nowNanoseconds: 0)
        #expect(cache.answer(for: key("old"), nowNanoseconds: 0) != nil)
        #expect(cache.answer(for: key("good"), nowNanoseconds: 0) != nil)
        cache.insert(answer(100), for: key("new"), nowNanoseconds: 2 * second)
        #expect(cache.answer(for: key("good"), nowNanoseconds: 2 * second) != nil)
        #expect(cache.answer(for: key("new"), nowNanoseconds: 2 * second) != nil)
    }

    @Test func `forgetting leaves nothing`() {
        var cache = AnswerCache(capacity: 2)
        for name in ["a", "b", "c"] {
            cache.insert(answer(100), for: key(name), nowNanoseconds: 0)
        }
        cache.removeAll()
        #expect(cache.count == 0)
        #expect(cache.answer(for: key("c"), nowNanoseconds: 0) == nil)
        cache.insert(answer(100), for: key("d"), nowNanoseconds: 0)
        #expect(cache.answer(for: key("d"), nowNanoseconds: 0) != nil)
    }
}

@Suite("Order of addresses")
struct AddressFamiliesTests {
    private let mixed = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1", "2001:db8::2"]

    @Test(arguments: [
        (
            AddressFamilies.preferV4,
            ["10.0.0.1", "2001:db8::1", "10.0.0.2", "2001:db8::2", "10.0.0.3"]
        ),
        (.preferV6, ["2001:db8::1", "10.0.0.1", "2001:db8::2", "10.0.0.2", "10.0.0.3"]),
        (.onlyV4, ["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
        (.onlyV6, ["2001:db8::1", "2001:db8::2"]),
    ])
    func `families take turns`(families: AddressFamilies, ordered: [String]) {
        #expect(
            families.order(mixed.map(HostsTableTests.address))
                == ordered.map(HostsTableTests.address))
    }

    @Test func `only so many are tried`() {
        let many = (0..<100).map { IPAddress(v4: $0) }
        #expect(AddressFamilies.preferV6.order(many) == Array(many.prefix(Limits.addressesPerName)))
    }
}
