package import HTTPClient
package import LinuxIO
package import Loop
import Metering
package import Model

/// The real surroundings: epoll, threads and a state directory.
///
/// Files in the state directory: `lock`, held while a gateway lives; `BOOT-LOOP.slots` and
/// `BOOT-LOOP.texts`, one pair per loop and boot; `admin.sock`. Two gateways need two directories.
///
/// ## Concurrency
/// Used by the control loop only.
package final class LinuxEnvironment: GatewayEnvironment {
    /// Where state is kept; nil where nothing is kept.
    package let stateDirectory: String?
    private let lock: RegularFile?
    private let writeBack = WriteBack()

    /// Surroundings with a state directory (made if missing), or without one.
    package init(stateDirectory: String?) throws(StateDirectoryFault) {
        self.stateDirectory = stateDirectory
        guard let stateDirectory else {
            lock = nil
            return
        }
        do throws(Errno) {
            try RegularFile.makeDirectories(above: stateDirectory + "/x")
            let lock = try RegularFile(path: stateDirectory + "/lock")
            guard lock.lock() else { throw Errno.locked }
            self.lock = lock
        } catch {
            throw StateDirectoryFault(directory: stateDirectory, error: error)
        }
    }

    package func makeLoop(name: String, index: Int) throws -> EventLoop {
        let loop = EventLoop(index: index, driver: try EpollDriver())
        try Thread(name: name) { loop.run() }.detach()
        return loop
    }

    package func makeDirectoryWatch() throws(Errno) -> DirectoryWatch? { try DirectoryWatch() }

    package func makeSender() throws -> any HTTPSender { try CurlSender() }

    package func endLoop(_ loop: EventLoop) { loop.stop() }

    /// The machine's name, for metrics.
    package var hostName: String { Process.hostName }

    // MARK: Meter files

    package func makeMeterMemory(boot: BootID, loop: Int) throws -> MeterMemory {
        guard let stateDirectory else {
            return MeterMemory(
                slots: PlainMemory(chunkBytes: MeterFiles.slotChunkBytes),
                texts: PlainMemory(chunkBytes: MeterFiles.textChunkBytes), remove: {})
        }
        let base = "\(stateDirectory)/\(boot)-\(loop)"
        let (slots, texts) = (base + MeterFiles.slotSuffix, base + MeterFiles.textSuffix)
        // Texts first: a file of slots is never without its texts.
        let textRegion = try MappedRegion.create(
            path: texts, chunkBytes: MeterFiles.textChunkBytes)
        let slotRegion = try MappedRegion.create(
            path: slots, chunkBytes: MeterFiles.slotChunkBytes)
        return MeterMemory(
            slots: MappedMemory(slotRegion, writeBack), texts: MappedMemory(textRegion, writeBack),
            remove: { Self.remove([slots, texts]) })
    }

    package func findDeadBoots(except boot: BootID) throws -> [DeadBootRemains] {
        guard let stateDirectory else { return [] }
        var remains: [DeadBootRemains] = []
        for name in try Directory.names(in: stateDirectory)
        where name.hasSuffix(MeterFiles.slotSuffix) {
            let base = String(name.dropLast(MeterFiles.slotSuffix.count))
            guard let dead = BootID(base.prefix(16)), dead != boot else { continue }
            let slotsPath = "\(stateDirectory)/\(name)"
            let textsPath = "\(stateDirectory)/\(base)\(MeterFiles.textSuffix)"
            let slots = try MappedFile(path: slotsPath)
            let texts = try mappedTexts(textsPath)
            let boot = withExtendedLifetime((slots, texts)) {
                DeadBoot(
                    boot: dead, slotBytes: slots.bytes,
                    textBytes: texts?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0))
            }
            remains.append(
                DeadBootRemains(
                    boot: boot, remove: { Self.remove([slotsPath, textsPath]) }))
        }
        return remains
    }

    /// Somebody may have taken the texts away: flows are then recovered without names, rather than
    /// no gateway started.
    private func mappedTexts(_ path: String) throws(Errno) -> MappedFile? {
        do throws(Errno) {
            return try MappedFile(path: path)
        } catch {
            if error.isAbsent { return nil }
            throw error
        }
    }

    /// A file that is gone already is what is wanted.
    private static func remove(_ paths: [String]) {
        for path in paths { try? Directory.removeFile(path: path) }
    }
}

/// Why a state directory cannot be used.
package struct StateDirectoryFault: Error, CustomStringConvertible {
    let directory: String
    let error: Errno

    /// What is wrong and what to do.
    package var description: String {
        error == Errno.locked
            ? "the state directory '\(directory)' is in use by another gateway; stop that one "
                + "first, or give each its own (weir: { state: … })"
            : "the state directory '\(directory)' cannot be used: \(error)"
    }
}

/// A mapped file as meter memory.
///
/// ## Concurrency
/// Confined to the loop whose meters lie in it.
private final class MappedMemory: ChunkedMemory {
    private let region: MappedRegion
    private let writeBack: WriteBack

    init(_ region: MappedRegion, _ writeBack: WriteBack) {
        self.region = region
        self.writeBack = writeBack
    }

    func startWriteBack() { writeBack.start(region) }

    func appendChunk() -> UnsafeMutableRawPointer? {
        // A full disk is told by the pool's `isVolatile`; metering goes on in plain memory.
        try? region.appendChunk()
    }
}
