import KernelTesting
import Loop
import Model
import PluginKit
import Synchronization
import Testing

@testable import Metering

/// A legacy reporter that writes down its calls.
final class Clerk: TrafficStatsReporter {
    private let state = Mutex<[String]>([])

    var lines: [String] { state.withLock { $0 } }

    private func write(_ line: String) { state.withLock { $0.append(line) } }

    func onPacket(
        _ protocol: String, direction: String, source: String, destination: String, byteCount: Int
    ) {
        write("\(`protocol`) \(direction) \(source) \(destination) \(byteCount)")
    }

    func onConnectionStart(_ protocol: String, source: String, destination: String) {
        write("\(`protocol`) start \(source) \(destination)")
    }

    func onConnectionEnd(_ protocol: String, source: String, destination: String) {
        write("\(`protocol`) end \(source) \(destination)")
    }
}

/// A reporter that wants packets only, as the oldest ones do.
private final class PacketsOnly: TrafficStatsReporter {
    let count = Mutex(0)

    func onPacket(
        _ protocol: String, direction: String, source: String, destination: String, byteCount: Int
    ) { count.withLock { $0 += 1 } }
}

@Suite("A legacy reporter's callbacks", .timeLimit(.minutes(5)))
struct ReporterFeedTests {
    private let home = EventLoop(index: 0, driver: ScriptedDriver())
    private let worker = EventLoop(index: 1, driver: ScriptedDriver())
    private let registry = StatsReporterRegistry()
    private let clerk = Clerk()
    private let feed: ReporterFeed
    private let service = Flows.service()

    private static let client = "203.0.113.9:1"
    private static let destination = "[2001:db8::1]:53"

    init() {
        feed = ReporterFeed(guid: "meter", registry: registry, home: home, worker: worker)
        registry.register(guid: "meter", clerk)
    }

    private func call(
        _ kind: ReporterFeed.Call.Kind, flow: UInt64 = 1, aerocore: Bool = false
    ) -> ReporterFeed.Call {
        ReporterFeed.Call(
            flow: Flows.info(flow, service), usesAerocoreDirections: aerocore, kind: kind)
    }

    /// Lets the reporter do all its work, and the feed hear of it.
    private func catchUp() {
        worker.turn(mayWait: false)
        home.turn(mayWait: false)
    }

    @Test func `uplink is rx from the client, downlink tx from the destination`() {
        feed.deliver([
            call(.start), call(.packets(.uplink, byteCount: 70, count: 1)),
            call(.packets(.downlink, byteCount: 80, count: 2)), call(.end),
        ])
        #expect(clerk.lines.isEmpty, "nothing runs on the caller's loop")
        catchUp()
        let (client, destination) = (Self.client, Self.destination)
        #expect(
            clerk.lines == [
                "udp start \(client) \(destination)",
                "udp rx \(client) \(destination) 70",
                "udp tx \(destination) \(client) 80",
                "udp tx \(destination) \(client) 80",
                "udp end \(client) \(destination)",
            ])
    }

    @Test func `the first implementation's directions are there for who asks for them`() {
        feed.deliver([
            call(.start, aerocore: true),
            call(.packets(.uplink, byteCount: 70, count: 1), aerocore: true),
            call(.packets(.downlink, byteCount: 80, count: 1), aerocore: true),
            call(.end, aerocore: true),
        ])
        catchUp()
        let (client, destination) = (Self.client, Self.destination)
        // rx: source = client; tx: source = destination. Only which is which has changed.
        #expect(
            clerk.lines == [
                "udp start \(client) \(destination)",
                "udp tx \(destination) \(client) 70",
                "udp rx \(client) \(destination) 80",
                "udp end \(client) \(destination)",
            ])
    }

    @Test func `a reporter of packets only needs no other method`() {
        let reporter = PacketsOnly()
        registry.register(guid: "meter", reporter)
        feed.deliver([
            call(.start), call(.packets(.uplink, byteCount: 1, count: 5)), call(.end),
        ])
        catchUp()
        #expect(reporter.count.withLock { $0 } == 5)
    }

    @Test func `one that comes late hears of the rest, one that goes hears nothing more`() {
        registry.unregister(guid: "meter")
        feed.deliver([call(.start), call(.packets(.uplink, byteCount: 1, count: 1))])
        catchUp()
        registry.register(guid: "meter", clerk)
        feed.deliver([call(.packets(.uplink, byteCount: 2, count: 1))])
        catchUp()
        #expect(clerk.lines == ["udp rx \(Self.client) \(Self.destination) 2"])
        feed.deliver([call(.packets(.uplink, byteCount: 3, count: 1)), call(.end)])
        registry.unregister(guid: "meter")
        catchUp()
        #expect(clerk.lines.count == 1, "what was queued is not delivered")
    }

    @Test func `packets for a slow reporter are bounded, the rest is counted`() {
        let half = Limits.packetsPerReporter / 2
        feed.deliver([call(.start), call(.packets(.uplink, byteCount: 1, count: half))])
        feed.deliver([call(.packets(.uplink, byteCount: 2, count: half))])
        feed.deliver([
            call(.packets(.uplink, byteCount: 3, count: 7)), call(.end), call(.start, flow: 2),
        ])
        #expect(feed.droppedPackets == 7)
        catchUp()
        #expect(clerk.lines.count == 2 * half + 3, "starts and ends have room of their own")
        feed.deliver([call(.packets(.downlink, byteCount: 4, count: 1), flow: 2)])
        catchUp()
        #expect(clerk.lines.last?.hasSuffix(" 4") == true, "with room again it hears again")
        #expect(feed.droppedPackets == 7)
    }

    @Test func `flows for a stuck reporter are bounded too, and none ends that did not start`() {
        let bound = UInt64(Limits.packetsPerReporter)
        for number in 0..<(bound + 3) { feed.deliver([call(.start, flow: number)]) }
        feed.deliver([
            call(.packets(.uplink, byteCount: 1, count: 2), flow: bound + 1),
            call(.end, flow: bound + 1), call(.end, flow: 0),
        ])
        #expect(feed.droppedPackets == 4, "two packets, a start and an end")
        catchUp()
        #expect(clerk.lines.count(where: { $0.contains("start") }) == Int(bound))
        #expect(clerk.lines.count(where: { $0.contains("end") }) == 1)
        feed.deliver([call(.end, flow: bound + 2), call(.start, flow: bound + 9)])
        catchUp()
        #expect(clerk.lines.last?.contains("start") == true)
    }
}
