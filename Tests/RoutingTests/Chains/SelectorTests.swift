import Bytes
import Chance
import Routing
import Testing

@Suite("A selector")
struct SelectorTests {
    private func selector(
        _ strategy: Selector.Strategy, _ members: [Selector.Member]? = nil, maxFails: Int = 1
    ) -> Selector {
        let three = (0..<3).map { _ in
            Selector.Member(maxFails: maxFails, failTimeoutMilliseconds: 10_000)
        }
        return Selector(members ?? three, strategy: strategy)
    }

    private func order(
        _ selector: Selector, of candidates: [Int] = [0, 1, 2], key: UInt32 = 0, at now: Int64 = 0,
        random: UInt64 = 0, priorities: [Int] = [0, 0, 0]
    ) -> [Int] {
        selector.order(
            candidates, Selector.Draw(key: key, nowMilliseconds: now, random: random),
            priority: { priorities[$0] })
    }

    @Test func `the checksum is that of IEEE 802-3`() {
        #expect(CRC32.checksum("") == 0)
        #expect(CRC32.checksum("123456789") == 0xcbf4_3926)
    }

    @Test func `hash takes the key modulo those that work, as gost`() {
        let selector = selector(.hash)
        for key in 0..<9 as Range<UInt32> {
            #expect(order(selector, key: key)[0] == Int(key % 3))
        }
        selector.failed(1, nowMilliseconds: 0)
        for key in 0..<8 as Range<UInt32> {
            #expect(order(selector, key: key, at: 1)[0] == [0, 2][Int(key % 2)])
        }
    }

    @Test func `chance goes by weight`() {
        let members = [1, 3, 6].map {
            Selector.Member(weight: $0, maxFails: 1, failTimeoutMilliseconds: 1)
        }
        let selector = selector(.random, members)
        var chance = SplitMix64(seed: 11)
        var counts = [0, 0, 0]
        for _ in 0..<10_000 { counts[order(selector, random: chance.next())[0]] += 1 }
        #expect((900...1100).contains(counts[0]))
        #expect((2850...3150).contains(counts[1]))
        #expect((5850...6150).contains(counts[2]))
    }

    @Test func `round spreads evenly over those that work`() {
        let selector = selector(.round)
        selector.failed(1, nowMilliseconds: 0)
        #expect((0..<6).map { _ in order(selector, at: 1)[0] } == [0, 2, 0, 2, 0, 2])
        #expect(order(selector, at: 1).last == 1, "who rests comes last")
    }

    @Test func `only candidates are in the order`() {
        let selector = selector(.round)
        for _ in 0..<4 { #expect(order(selector, of: [0, 2]).sorted() == [0, 2]) }
    }

    @Test func `backups come behind all that work, and before those that rest`() {
        let members = [true, false, false].map {
            Selector.Member(isBackup: $0, maxFails: 1, failTimeoutMilliseconds: 10_000)
        }
        let selector = selector(.fifo, members)
        #expect(order(selector) == [1, 2, 0])
        selector.failed(1, nowMilliseconds: 0)
        #expect(order(selector, at: 1) == [2, 0, 1])
        selector.failed(2, nowMilliseconds: 0)
        #expect(order(selector, at: 1) == [0, 1, 2])
    }

    @Test func `the only highest priority of those that work comes first`() {
        let selector = selector(.fifo)
        #expect(order(selector, priorities: [0, 5, 9]) == [2, 0, 1])
        selector.failed(2, nowMilliseconds: 0)
        #expect(order(selector, at: 1, priorities: [0, 5, 9]) == [1, 0, 2])
        #expect(order(selector, at: 1, priorities: [5, 5, 9]) == [0, 1, 2], "two of one priority")
        #expect(order(selector, at: 1, priorities: [-1, -5, 9]) == [0, 1, 2], "none above 0")
    }

    @Test func `marks of several loops at once are all kept`() async {
        let selector = selector(.fifo, maxFails: 400)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<100 { selector.failed(0, nowMilliseconds: 0) }
                }
            }
        }
        #expect(order(selector, at: 1) == [1, 2, 0])
    }
}
