import Assembly
import KernelTesting
import Loop
import Metering
import Model

/// Surroundings of a gateway on a simulated kernel, with meter memory that outlives its lives.
///
/// ## Concurrency
/// One thread: the test's.
final class SimulatedEnvironment: GatewayEnvironment {
    private struct Remains {
        let boot: BootID
        let loop: Int
        var slots: PlainMemory
        var texts: PlainMemory

        var read: DeadBoot {
            DeadBoot(boot: boot, slotChunks: slots.chunks, textChunks: texts.chunks)
        }
    }

    private let simulation: Simulation
    private let tally: KernelTally
    private var disk: [Remains] = []
    /// The process that runs now.
    private(set) var life = Life()
    /// Broken promises, in words.
    private(set) var complaints: [String] = []
    let stateDirectory: String? = nil
    /// Whether meter memory cannot grow: flows are metered and nothing of them outlives a crash.
    var isDiskFull = false

    /// A file on a full disk.
    private final class FullMemory: ChunkedMemory {
        func appendChunk() -> UnsafeMutableRawPointer? { nil }
        func startWriteBack() {}
    }

    init(_ simulation: Simulation, _ tally: KernelTally) {
        self.simulation = simulation
        self.tally = tally
    }

    /// Whether no flow waits to be told by a later life.
    var isDiskEmpty: Bool { disk.isEmpty }

    // MARK: Lives

    /// Begins a new process. The one before must have ended.
    func beginLife() {
        life = Life()
        life.onDeath = { [unowned self] in
            // What the process does in the rest of its turn reaches no memory that outlives it.
            for index in disk.indices {
                disk[index].slots = Self.copy(
                    disk[index].slots, chunkBytes: MeterFiles.slotChunkBytes)
                disk[index].texts = Self.copy(
                    disk[index].texts, chunkBytes: MeterFiles.textChunkBytes)
            }
            endProcess()
        }
    }

    /// The process is gone, by itself or not: its loops stop and its descriptors close.
    func endProcess() {
        simulation.endAllLoops()
        simulation.kernel.closeAll()
        tally.processDied()
    }

    private static func copy(_ memory: PlainMemory, chunkBytes: Int) -> PlainMemory {
        let copy = PlainMemory(chunkBytes: chunkBytes)
        for chunk in memory.chunks {
            copy.appendChunk()?.copyMemory(from: chunk, byteCount: chunkBytes)
        }
        return copy
    }

    // MARK: GatewayEnvironment

    func makeLoop(name: String, index: Int) throws -> EventLoop {
        simulation.addLoop(index: index) { MortalDriver($0, life, tally) }
    }

    func endLoop(_ loop: EventLoop) {
        if loop.registrationCount > 0 {
            complaints.append("loop \(loop.index) ends with \(loop.registrationCount) descriptors")
        }
        simulation.endLoop(loop)
    }

    func makeMeterMemory(boot: BootID, loop: Int) throws -> MeterMemory {
        let remains = Remains(
            boot: boot, loop: loop, slots: PlainMemory(chunkBytes: MeterFiles.slotChunkBytes),
            texts: PlainMemory(chunkBytes: MeterFiles.textChunkBytes))
        disk.append(remains)
        let full = isDiskFull ? FullMemory() : nil
        return MeterMemory(
            slots: full ?? remains.slots, texts: full ?? remains.texts,
            remove: { [unowned self] in
                if life.isOver { return }
                let left = remains.read.flows.count
                if left > 0 { complaints.append("\(left) slots are in use when they are removed") }
                remove(boot, loop)
            })
    }

    func findDeadBoots(except boot: BootID) throws -> [DeadBootRemains] {
        disk.filter { $0.boot != boot }.map { remains in
            if remains.read.unreadableSlots > 0 { complaints.append("a slot is unreadable") }
            return DeadBootRemains(
                boot: remains.read,
                remove: { [unowned self] in
                    if !life.isOver { remove(remains.boot, remains.loop) }
                })
        }
    }

    private func remove(_ boot: BootID, _ loop: Int) {
        disk.removeAll { $0.boot == boot && $0.loop == loop }
    }
}
