import Chance
import Foundation
import Model
import PluginKit
import RemotePlugins
import Storage
import Synchronization
import Testing

@testable import Assembly

@Suite("What observers are told, stored")
struct ObserverStoreTests {
    private typealias Channel = ObserverStore.Channel
    private static let noon: Int64 = 1_780_315_200_000
    private static let service = Channel(service: "s", kind: .service)
    private static let handler = Channel(service: "s", kind: .handler)
    private let path = FileManager.default.temporaryDirectory
        .appending(path: "weir-observers-\(UUID().uuidString).db").path(percentEncoded: false)
    private let origin = ServiceInfo(service: "s", handler: "socks5", guids: [])
    private let finished = FlowEnd(by: .client, phase: .relay, cause: .finished)
    private let crash = FlowEnd(by: .gateway, phase: .relay, cause: .crash)

    private func remove() {
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: path + suffix)
        }
    }

    private func store(
        boot: UInt64 = 1, clientsMax: Int = 1000, path: String = Database.inMemory,
        log: @escaping @Sendable (LogLevel, String) -> Void = { _, _ in }
    ) throws -> ObserverStore {
        let store = try ObserverStore(
            path: path, boot: BootID(bits: boot), clientsMax: clientsMax, log: log)
        // Power is not lost here, and many tests wait for one disk.
        try store.database.execute("PRAGMA synchronous = OFF")
        let channels: Set = [Self.service, Self.handler]
        try store.setChannels(channels, counting: channels)
        return store
    }

    private func flow(
        _ number: UInt64, _ user: String?, boot: UInt64 = 1,
        _ transport: TransportProtocol = .tcp
    ) -> FlowInfo {
        let endpoint = Endpoint(IPAddress(v4: 1), 1)
        return FlowInfo(
            id: FlowID(high: 7, low: number), boot: BootID(bits: boot), origin: origin,
            user: user, session: nil, transport: transport, client: endpoint,
            destination: endpoint, host: nil, listener: endpoint, upstreamLocal: endpoint,
            upstreamRemote: endpoint, openedMilliseconds: Self.noon)
    }

    private func counts(_ uplink: UInt64, _ downlink: UInt64) -> FlowCounts {
        var counts = FlowCounts()
        counts.uplinkBytes = uplink
        counts.downlinkBytes = downlink
        return counts
    }

    private func take(_ store: ObserverStore, _ events: [FlowEvent]) throws {
        try store.take(FlowBatch(sequence: 1, events: events))
    }

    /// A message's events, as a receiver reads them.
    private func events(_ message: [UInt8]) throws -> [[String: Any]] {
        let object = try JSONSerialization.jsonObject(with: Data(message)) as? [String: Any]
        return try #require(object?["events"] as? [[String: Any]])
    }

    private func number(_ event: [String: Any], _ part: String, _ name: String) -> UInt64 {
        ((event[part] as? [String: Any])?[name] as? NSNumber)?.uint64Value ?? .max
    }

    /// The events of everything there is to tell, which is taken.
    private func told(
        _ store: ObserverStore, _ channel: ObserverStore.Channel = Self.handler,
        resets: Bool = false
    ) throws -> [[String: Any]] {
        var all: [[String: Any]] = []
        while let parcel = try store.parcel(for: channel, resetsTraffic: resets, isDue: true) {
            all += try events(parcel.message)
            try store.taken(parcel.id)
        }
        return all
    }

    @Test func `totals go on, and what was moved is told once`() throws {
        let store = try store()
        let info = flow(1, "alice")
        try take(store, [.opened(info), .counted(info, counts(1000, 1010), atMilliseconds: 1)])
        let first = try #require(try told(store).first)
        #expect(first["client"] as? String == "alice" && first["kind"] as? String == "handler")
        #expect(number(first, "stats", "inputBytes") == 1000)
        #expect(number(first, "stats", "outputBytes") == 1010)
        #expect(number(first, "stats", "currentConns") == 1)
        #expect(try told(store).isEmpty)
        try take(store, [.closed(info, counts(1500, 1510), finished, atMilliseconds: 2)])
        let second = try #require(try told(store).first)
        #expect(number(second, "stats", "inputBytes") == 1500)
        #expect(number(second, "stats", "totalConns") == 1)
        #expect(number(second, "stats", "currentConns") == 0)
        #expect(number(second, "tcp", "uplink_bytes") == 500)
        #expect(number(second, "tcp", "flows") == 0 && number(second, "udp", "flows") == 0)
        #expect((second["seq"] as? Int) == 2)
        let whole = try told(store, Self.service)
        #expect(whole.count == 1 && whole[0]["client"] == nil)
        #expect(number(whole[0], "tcp", "uplink_bytes") == 1500)
    }

    @Test func `with resetTraffic bytes begin again and connections do not`() throws {
        let store = try store()
        let info = flow(1, "alice", .udp)
        try take(store, [.opened(info), .counted(info, counts(1000, 1010), atMilliseconds: 1)])
        _ = try told(store, resets: true)
        try take(store, [.closed(info, counts(1500, 1510), finished, atMilliseconds: 2)])
        let event = try #require(try told(store, resets: true).first)
        #expect(number(event, "stats", "inputBytes") == 500)
        #expect(number(event, "stats", "outputBytes") == 500)
        #expect(number(event, "stats", "totalConns") == 1)
        #expect(number(event, "udp", "downlink_bytes") == 500)
    }

    @Test func `a message that was not taken comes again byte for byte`() throws {
        defer { remove() }
        let first: [UInt8]
        do {
            let store = try store(path: path)
            let info = flow(1, "alice")
            try take(store, [.opened(info), .counted(info, counts(9, 9), atMilliseconds: 1)])
            let parcel = try store.parcel(for: Self.handler, resetsTraffic: false, isDue: true)
            first = try #require(parcel).message
            try take(store, [.counted(info, counts(20, 20), atMilliseconds: 2)])
        }
        let store = try store(boot: 2, path: path)
        let parcel = try #require(
            try store.parcel(for: Self.handler, resetsTraffic: false, isDue: false))
        #expect(parcel.message == first)
        try store.taken(parcel.id)
        let event = try #require(try told(store).first)
        #expect(number(event, "tcp", "uplink_bytes") == 11)
        #expect(event["boot"] as? String == BootID(bits: 2).description)
    }

    @Test func `states are told in order, and only the latest are kept`() throws {
        let store = try store()
        for _ in 0..<40 { try store.announce(.running, on: Self.service) }
        try store.announce(.ready, on: Self.service)
        let states = try told(store, Self.service).map {
            ($0["status"] as? [String: Any])?["state"] as? String
        }
        #expect(states.count == Limits.statesPerObserver && states.last == "ready")
    }

    @Test func `clients that are quiet make room, and what there is no room for has a name`()
        throws
    {
        let lines = Mutex<[String]>([])
        let store = try store(clientsMax: 32) { _, line in lines.withLock { $0.append(line) } }
        for number in 1...100 as ClosedRange<UInt64> {
            let info = flow(number, "user-\(number)")
            try take(
                store,
                [.opened(info), .closed(info, counts(1, 2), finished, atMilliseconds: 1)])
            _ = try told(store)
            _ = try told(store, Self.service)
        }
        #expect(try store.database.integer("SELECT count(*) FROM observer_client") ?? 99 <= 32)
        #expect(lines.withLock { $0.count } == 1)
        // Nobody listens: nothing may be forgotten any more.
        for number in 101...300 as ClosedRange<UInt64> {
            let info = flow(number, "user-\(number)")
            try take(
                store,
                [.opened(info), .closed(info, counts(1, 2), finished, atMilliseconds: 1)])
        }
        let all = try told(store)
        #expect(all.reduce(0) { $0 + number($1, "tcp", "uplink_bytes") } == 200)
        let others = all.first { $0["client"] as? String == ObserverStore.others }
        #expect(number(try #require(others), "tcp", "uplink_bytes") > 100)
    }

    @Test func `what is kept for a channel that is gone is dropped`() throws {
        let store = try store()
        let info = flow(1, "alice")
        try take(store, [.opened(info), .counted(info, counts(9, 9), atMilliseconds: 1)])
        try store.setChannels([Self.handler], counting: [Self.handler])
        #expect(try told(store, Self.service).isEmpty)
        #expect(try told(store).count == 1)
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func `whatever fails and whenever it starts anew, bytes are told once`(
        _ seed: UInt64
    ) throws {
        defer { remove() }
        var chance = SplitMix64(seed: seed)
        var world = World(chance)
        var store = try store(path: path)
        for _ in 0..<60 {
            let batch = world.batch { flow($0, $1, boot: $2, $3) }
            for _ in 0..<Int.random(in: 1...2, using: &chance) {
                try store.take(FlowBatch(sequence: 1, events: batch))
            }
            for channel in [Self.service, Self.handler] where Bool.random(using: &chance) {
                guard
                    let parcel = try store.parcel(
                        for: channel, resetsTraffic: false, isDue: true)
                else { continue }
                let outcome = Int.random(in: 0..<3, using: &chance)
                // 0: it does not come through; 1: it does, and the answer does not; 2: all is well.
                if outcome > 0 { world.receive(try events(parcel.message), channel) }
                if outcome == 2 { try store.taken(parcel.id) }
            }
            if Int.random(in: 0..<8, using: &chance) == 0 {
                world.die()
                store = try self.store(boot: world.boot, path: path)
                let remains = world.remains(crash) { flow($0, $1, boot: $2, $3) }
                try store.take(FlowBatch(sequence: 1, events: remains))
            }
        }
        world.die()
        store = try self.store(boot: world.boot, path: path)
        let last = world.remains(crash) { flow($0, $1, boot: $2, $3) }
        try store.take(FlowBatch(sequence: 1, events: last))
        for channel in [Self.service, Self.handler] {
            while let parcel = try store.parcel(for: channel, resetsTraffic: false, isDue: true) {
                world.receive(try events(parcel.message), channel)
                try store.taken(parcel.id)
            }
        }
        #expect(world.received == world.moved)
        #expect(world.receivedInAll == world.movedInAll)
    }
}

/// Flows that move bytes, and a receiver of messages.
private struct World {
    private struct Flow {
        let number: UInt64
        let user: String
        let transport: TransportProtocol
        var counts = FlowCounts()
    }

    private var chance: SplitMix64
    private var open: [Flow] = []
    private var count: UInt64 = 0
    private(set) var boot: UInt64 = 1
    /// Bytes up and down, by user and protocol.
    private(set) var moved: [String: [UInt64]] = [:]
    private(set) var received: [String: [UInt64]] = [:]
    private(set) var receivedInAll: UInt64 = 0
    private var seen: [String: Int] = [:]

    init(_ chance: SplitMix64) { self.chance = chance }

    var movedInAll: UInt64 { moved.values.joined().reduce(0, +) }

    /// What happens next.
    mutating func batch(
        _ info: (UInt64, String, UInt64, TransportProtocol) -> FlowInfo
    ) -> [FlowEvent] {
        var events: [FlowEvent] = []
        for _ in 0..<8 {
            if open.count < 6, Bool.random(using: &chance) {
                count += 1
                let users = ["alice", "bob", "carol"]
                open.append(
                    Flow(
                        number: count, user: users[Int.random(in: 0..<3, using: &chance)],
                        transport: Bool.random(using: &chance) ? .tcp : .udp))
                let flow = open[open.count - 1]
                events.append(.opened(info(flow.number, flow.user, boot, flow.transport)))
            }
            guard let index = open.indices.randomElement(using: &chance) else { continue }
            let (up, down) = (
                UInt64.random(in: 0...1000, using: &chance),
                UInt64.random(in: 0...1000, using: &chance)
            )
            open[index].counts.uplinkBytes += up
            open[index].counts.downlinkBytes += down
            let flow = open[index]
            let key = "\(flow.user) \(flow.transport.name)"
            let sum = moved[key] ?? [0, 0]
            moved[key] = [sum[0] + up, sum[1] + down]
            let facts = info(flow.number, flow.user, boot, flow.transport)
            if Int.random(in: 0..<3, using: &chance) == 0 {
                let end = FlowEnd(by: .client, phase: .relay, cause: .finished)
                events.append(.closed(facts, flow.counts, end, atMilliseconds: 1))
                open.remove(at: index)
            } else if Bool.random(using: &chance) {
                events.append(.counted(facts, flow.counts, atMilliseconds: 1))
            }
        }
        return events
    }

    /// The gateway dies; the next one runs.
    mutating func die() { boot += 1 }

    /// The flows that were open, as the next run finds them.
    mutating func remains(
        _ end: FlowEnd, _ info: (UInt64, String, UInt64, TransportProtocol) -> FlowInfo
    ) -> [FlowEvent] {
        defer { open.removeAll() }
        return open.map { flow in
            .recovered(
                info(flow.number, flow.user, boot - 1, flow.transport), flow.counts, end,
                atMilliseconds: 1)
        }
    }

    /// A receiver as the documentation wants it: nothing counts twice that has the number of
    /// something that counted.
    mutating func receive(_ events: [[String: Any]], _ channel: ObserverStore.Channel) {
        guard let first = events.first, let sequence = first["seq"] as? Int,
            let boot = first["boot"] as? String
        else { return }
        let key = "\(boot) \(channel.kind)"
        guard sequence > seen[key] ?? 0 else { return }
        seen[key] = sequence
        for event in events {
            for part in ["tcp", "udp"] {
                guard let moved = event[part] as? [String: Any],
                    let up = (moved["uplink_bytes"] as? NSNumber)?.uint64Value,
                    let down = (moved["downlink_bytes"] as? NSNumber)?.uint64Value
                else { continue }
                if channel.kind == .service {
                    receivedInAll += up + down
                } else {
                    let name = "\(event["client"] as? String ?? "") \(part)"
                    let sum = received[name] ?? [0, 0]
                    if up + down > 0 || received[name] != nil {
                        received[name] = [sum[0] + up, sum[1] + down]
                    }
                }
            }
        }
    }
}
