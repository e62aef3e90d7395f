package import Loop
import Model
package import PluginKit

/// One GUID's legacy reporter: callbacks per datagram, in order, on a thread of its own.
///
/// Packets over the bound are dropped. A flow that opens while as many starts wait is dropped
/// whole, since its end must not come without its start.
///
/// ## Concurrency
/// Confined to the settlement's loop; callbacks run on `worker`. Address texts are made once per
/// flow and live on the worker's side.
package final class ReporterFeed {
    private let guid: String
    private let registry: StatsReporterRegistry
    private let worker: EventLoop
    private let home: EventLoop
    private let log: @Sendable (LogLevel, String) -> Void
    private let desk = LoopConfined(Desk())
    private var waitingPackets = 0
    private var waitingStarts = 0
    private var skipped: Set<FlowID> = []
    /// Callbacks that were dropped because the reporter stayed behind.
    package private(set) var droppedPackets: UInt64 = 0

    /// Counts callbacks that were dropped before they came here; the first is said.
    func countDropped(_ packets: UInt64) {
        if droppedPackets == 0 && packets > 0 {
            log(.error, "reporter '\(guid)' stays behind: callbacks are dropped from now on")
        }
        droppedPackets &+= packets
    }

    /// Something to call back about.
    package struct Call: Sendable {
        enum Kind: Sendable {
            case start
            case packets(Direction, byteCount: Int, count: Int)
            case end
        }

        let flow: FlowInfo
        let usesAerocoreDirections: Bool
        let kind: Kind
    }

    /// What the worker remembers of flows: their addresses as text.
    private final class Desk {
        var addresses: [FlowID: (client: String, destination: String)] = [:]
    }

    /// A feed for the reporter that is registered under `guid` at the time of each call.
    package init(
        guid: String, registry: StatsReporterRegistry, home: EventLoop, worker: EventLoop,
        log: @escaping @Sendable (LogLevel, String) -> Void = { _, _ in }
    ) {
        self.log = log
        self.guid = guid
        self.registry = registry
        self.home = home
        self.worker = worker
    }

    /// Calls back about events, in order. What is over the bound is dropped and counted.
    package func deliver(_ calls: [Call]) {
        var batch: [Call] = []
        batch.reserveCapacity(calls.count)
        let (starts, packets) = (waitingStarts, waitingPackets)
        for call in calls where hasRoom(for: call) { batch.append(call) }
        if batch.isEmpty { return }
        let addedStarts = waitingStarts - starts
        let addedPackets = waitingPackets - packets
        let (guid, registry, home, desk) = (guid, registry, home, desk)
        let feed = LoopConfined(self)
        let kept = batch
        worker.execute { _ in
            for call in kept {
                // Looked up each time, so that a reporter that was removed hears nothing more.
                Self.make(call, desk.value, registry.reporter(guid: guid))
            }
            home.execute { _ in
                feed.value.waitingStarts -= addedStarts
                feed.value.waitingPackets -= addedPackets
            }
        }
    }

    /// Calls `done` once every callback handed over before has been made.
    package func whenIdle(_ done: @escaping () -> Void) {
        let (home, box) = (home, LoopConfined(done))
        worker.execute { _ in home.execute { _ in box.value() } }
    }

    /// Whether a call is to be made; from then on it waits.
    private func hasRoom(for call: Call) -> Bool {
        switch call.kind {
        case .start:
            if waitingStarts >= Limits.packetsPerReporter {
                skipped.insert(call.flow.id)
                return false
            }
            waitingStarts += 1
        case .packets(_, _, let count):
            if skipped.contains(call.flow.id)
                || waitingPackets + count > Limits.packetsPerReporter
            {
                countDropped(UInt64(count))
                return false
            }
            waitingPackets += count
        case .end:
            // Start and end are two callbacks.
            if skipped.remove(call.flow.id) != nil {
                countDropped(2)
                return false
            }
        }
        return true
    }

    private static func make(
        _ call: Call, _ desk: Desk, _ reporter: (any TrafficStatsReporter)?
    ) {
        let id = call.flow.id
        let name = call.flow.transport.name
        let addresses =
            desk.addresses[id]
            ?? (call.flow.client.description, call.flow.destination.description)
        switch call.kind {
        case .start:
            desk.addresses[id] = addresses
            reporter?.onConnectionStart(
                name, source: addresses.client, destination: addresses.destination)
        case .packets(let direction, let byteCount, let count):
            guard let reporter else { return }
            let isRx = (direction == .uplink) != call.usesAerocoreDirections
            let (source, destination) =
                isRx
                ? (addresses.client, addresses.destination)
                : (addresses.destination, addresses.client)
            for _ in 0..<count {
                reporter.onPacket(
                    name, direction: isRx ? "rx" : "tx", source: source, destination: destination,
                    byteCount: byteCount)
            }
        case .end:
            desk.addresses[id] = nil
            reporter?.onConnectionEnd(
                name, source: addresses.client, destination: addresses.destination)
        }
    }
}
