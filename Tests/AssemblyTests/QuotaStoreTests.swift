import Chance
import Foundation
import Limiting
import Model
import PluginKit
import Synchronization
import Testing

@testable import Assembly

@Suite("What was used of quotas, stored")
struct QuotaStoreTests {
    private static let noon: Int64 = 1_780_315_200_000
    private let path = FileManager.default.temporaryDirectory
        .appending(path: "weir-quotas-\(UUID().uuidString).db").path(percentEncoded: false)
    private let origin = ServiceInfo(service: "s", handler: "socks5", guids: [])

    private func remove() {
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: path + suffix)
        }
    }

    private func quota(_ counted: QuotaTerms.Counted = .total) -> Quota {
        Quota(
            name: "q", [(.eachUser, 1 << 40), (.everything, 1 << 40)],
            terms: QuotaTerms(counted: counted, period: .day), clock: { Self.noon },
            onExhausted: { _, _ in })
    }

    private func flow(_ number: UInt64, _ user: String) -> FlowInfo {
        let endpoint = Endpoint(IPAddress(v4: 1), 1)
        return FlowInfo(
            id: FlowID(high: 7, low: number), boot: BootID(bits: 1), origin: origin, user: user,
            session: nil, transport: .tcp, client: endpoint, destination: endpoint, host: nil,
            listener: endpoint, upstreamLocal: endpoint, upstreamRemote: endpoint,
            openedMilliseconds: Self.noon)
    }

    private func counts(_ uplink: Int, _ downlink: Int) -> FlowCounts {
        var counts = FlowCounts()
        counts.uplinkBytes = UInt64(uplink)
        counts.downlinkBytes = UInt64(downlink)
        return counts
    }

    /// What a start would find.
    private func restored(_ counted: QuotaTerms.Counted = .total) throws -> [Quota.Holder: UInt64] {
        let quota = quota(counted)
        let store = try QuotaStore(path: path, quotas: ["s": [quota]])
        try store.restore(quota, atMilliseconds: Self.noon)
        return Dictionary(uniqueKeysWithValues: quota.usage.map { ($0.holder, $0.usedBytes) })
    }

    private let crash = FlowEnd(by: .gateway, phase: .relay, cause: .crash)
    private let finished = FlowEnd(by: .client, phase: .relay, cause: .finished)

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func `whatever comes again and whenever it starts anew, bytes count once`(
        _ seed: UInt64
    ) throws {
        defer { remove() }
        var chance = SplitMix64(seed: seed)
        var totals: [UInt64: (up: Int, down: Int)] = [:]
        var open: Set<UInt64> = []
        var sequence: UInt64 = 0
        var store = try QuotaStore(path: path, quotas: ["s": [quota()]])
        for round in 0..<40 {
            var events: [FlowEvent] = []
            for _ in 0..<10 {
                let number = UInt64.random(in: 0..<200, using: &chance)
                let isNew = totals[number] == nil
                guard isNew || open.contains(number) else { continue }
                let info = flow(number, number % 2 == 0 ? "alice" : "bob")
                if isNew {
                    open.insert(number)
                    events.append(.opened(info))
                }
                var sum = totals[number] ?? (0, 0)
                sum.up += Int.random(in: 0...1000, using: &chance)
                sum.down += Int.random(in: 0...1000, using: &chance)
                totals[number] = sum
                if chance.happens(0.3) {
                    open.remove(number)
                    events.append(
                        .closed(info, counts(sum.up, sum.down), finished, atMilliseconds: Self.noon)
                    )
                } else {
                    events.append(
                        .counted(info, counts(sum.up, sum.down), atMilliseconds: Self.noon))
                }
            }
            sequence += 1
            let batch = FlowBatch(sequence: sequence, events: events)
            for _ in 0...(chance.happens(0.3) ? 2 : 0) { try store.take(batch) }
            guard chance.happens(0.2) else { continue }
            // The process dies: flows come back, those that had ended perhaps as well.
            store = try QuotaStore(path: path, quotas: ["s": [quota()]])
            let recovered = totals.map { number, sum in
                FlowEvent.recovered(
                    flow(number, number % 2 == 0 ? "alice" : "bob"), counts(sum.up, sum.down),
                    open.contains(number) ? crash : finished, atMilliseconds: Self.noon)
            }
            open.removeAll()
            try store.take(FlowBatch(sequence: UInt64(round), events: recovered))
        }
        let expected = { (parity: UInt64) in
            totals.filter { $0.key % 2 == parity }.reduce(0) { $0 + $1.value.up + $1.value.down }
        }
        let found = try restored()
        #expect(found[.user("alice")] == UInt64(expected(0)), "seed \(seed)")
        #expect(found[.user("bob")] == UInt64(expected(1)), "seed \(seed)")
        #expect(found[.everything] == UInt64(expected(0) + expected(1)), "seed \(seed)")
        let up = totals.values.reduce(0) { $0 + $1.up }
        let uplink = try restored(.uplink)
        #expect(uplink[.everything] == UInt64(up))
    }

    @Test func `bytes count in the day in which they were moved`() throws {
        defer { remove() }
        let store = try QuotaStore(path: path, quotas: ["s": [quota()]])
        let info = flow(1, "alice")
        let day: Int64 = 86_400_000
        try store.take(
            FlowBatch(
                sequence: 1,
                events: [
                    .counted(info, counts(100, 0), atMilliseconds: Self.noon - day),
                    .counted(info, counts(130, 0), atMilliseconds: Self.noon),
                    .closed(info, counts(150, 0), finished, atMilliseconds: Self.noon + day),
                ]))
        let found = try restored()
        #expect(found[.user("alice")] == 30)
    }

    @Test func `flows of other services count nothing`() throws {
        defer { remove() }
        let store = try QuotaStore(path: path, quotas: ["another": [quota()]])
        try store.take(
            FlowBatch(
                sequence: 1,
                events: [
                    .closed(flow(1, "alice"), counts(1, 1), finished, atMilliseconds: Self.noon)
                ]))
        let found = try restored()
        #expect(found.values.allSatisfy { $0 == 0 })
    }
}
