import KernelTesting
import Loop
import Model
import PluginKit
import Testing

@testable import Metering

/// A whole metering house: data loops with their ledgers, a settlement, workers.
///
/// Loops 0 and 1 carry flows, 2 is the settlement's home, 3 the plugins' worker, 4 the reporters'.
///
/// ## Concurrency
/// One thread: the test's.
final class House {
    let simulation: Simulation
    let registry = StatsReporterRegistry()
    let log = Witnesses()
    let memories = (0..<2).map { _ in PlainMemory(chunkBytes: SlotLayout.chunkBytes) }
    let texts = (0..<2).map { _ in PlainMemory(chunkBytes: TextTable.chunkBytes) }
    private let floor: Floor
    let settlement: Settlement

    /// What the settlement reaches, and what it did there.
    final class Floor: Settlement.Loops {
        var ledgers: [Ledger] = []
        var loops: [EventLoop] = []
        var released: [(loop: Int, slots: [UInt32])] = []
        var closed: [(flow: FlowInfo, counts: FlowCounts, end: FlowEnd)] = []

        func release(_ slots: [UInt32], loop: Int) {
            released.append((loop, slots))
            let ledger = LoopConfined(ledgers[loop])
            loops[loop].execute { _ in ledger.value.release(slots) }
        }

        func cut(_ flows: Set<FlowID>, _ end: FlowEnd) {
            for (loop, ledger) in zip(loops, ledgers) {
                let ledger = LoopConfined(ledger)
                loop.execute { _ in ledger.value.cut(flows, end) }
            }
        }

        func setReported(_ guids: Set<String>) {
            for (loop, ledger) in zip(loops, ledgers) {
                let ledger = LoopConfined(ledger)
                loop.execute { _ in ledger.value.setReported(guids) }
            }
        }
    }

    init(seed: UInt64 = 21) {
        simulation = Simulation(seed: seed, loops: 5)
        let (loops, log, floor) = (simulation.loops, log, Floor())
        self.floor = floor
        settlement = Settlement(
            home: loops[2], loops: floor, registry: registry, makeWorker: { _ in loops[4] },
            log: { level, line in log.write("\(level.name): \(line)") },
            onClosed: { flow, counts, end, _ in floor.closed.append((flow, counts, end)) })
        let box = LoopConfined(settlement)
        floor.loops = Array(loops[0..<2])
        floor.ledgers = (0..<2).map { index in
            Ledger(
                loop: loops[index], boot: Flows.boot, slots: memories[index], texts: texts[index],
                onReport: { report in loops[2].execute { _ in box.value.take(report) } })
        }
        for index in 0..<2 { on(index) { $0.start() } }
    }

    var released: [(loop: Int, slots: [UInt32])] { floor.released }
    var releasedCount: Int { floor.released.reduce(0) { $0 + $1.slots.count } }
    var closed: [(flow: FlowInfo, counts: FlowCounts, end: FlowEnd)] { floor.closed }

    /// Does something with a loop's ledger, on its loop.
    func on(_ loop: Int = 0, _ body: (Ledger) -> Void) {
        simulation.onLoop(loop) { _ in body(floor.ledgers[loop]) }
    }

    /// Does something with the settlement, at its home.
    func atHome(_ body: (Settlement) -> Void) {
        simulation.onLoop(2) { _ in body(settlement) }
    }

    /// A witness under a GUID.
    func witness(_ guid: String, name: String = "", diary: Witnesses? = nil) -> Witness {
        let witness = Witness(on: simulation.loops[3], name: name, diary: diary)
        atHome { $0.add(witness, guid: guid, worker: simulation.loops[3]) }
        return witness
    }

    /// Makes services known; after all witnesses, as the gateway does.
    func serve(_ services: MeteredService...) {
        atHome { settlement in for service in services { settlement.add(service) } }
    }

    func register(_ guid: String, _ reporter: some TrafficStatsReporter) {
        registry.register(guid: guid, reporter)
        atHome { $0.reportersChanged() }
    }

    /// Opens a flow on a loop.
    func open(
        _ number: UInt64, _ service: MeteredService, loop: Int = 0,
        transport: TransportProtocol = .udp
    ) throws -> FlowMeter {
        var meter: FlowMeter?
        on(loop) {
            meter = $0.open(
                Flows.info(number, service, transport: transport), service: service)
        }
        return try #require(meter)
    }

    func run(milliseconds: UInt64) { simulation.run(milliseconds: milliseconds) }

    /// Until what opened or ended was handed over and taken.
    func runSoon() { run(milliseconds: UInt64(Limits.ledgerDelayMilliseconds) + 20) }

    /// What a start after a kill would find, over both loops.
    var remains: [DeadBoot.Flow] {
        (0..<2).flatMap { index in
            DeadBoot(
                boot: Flows.boot, slotChunks: memories[index].chunks,
                textChunks: texts[index].chunks
            ).flows
        }
    }
}
