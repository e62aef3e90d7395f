package import LinuxIO
import Model

/// One loop's splice pipes, lent to directions that move bulk and only while they do.
///
/// ## Concurrency
/// Confined to its loop.
package final class PipePool {
    private let driver: any IODriver
    private var idle: [SplicePipe] = []
    private var lent = 0
    /// How many more times nothing is asked of a kernel that had no pipe.
    private var restingAsks = 0
    /// Descriptors or pipe memory are exhausted: asking each time would cost a call per read.
    private static let asksPerRefusal = 256

    /// An empty pool; pipes are made when first needed.
    package init(driver: any IODriver) { self.driver = driver }

    /// An empty pipe, or nil when all are lent or the kernel gives none: copy instead.
    func take() -> SplicePipe? {
        if let pipe = idle.popLast() {
            lent += 1
            return pipe
        }
        guard lent < Limits.pipesPerLoop else { return nil }
        if restingAsks > 0 {
            restingAsks -= 1
            return nil
        }
        guard let pipe = try? driver.makePipe(capacity: Limits.pipeBytes) else {
            restingAsks = Self.asksPerRefusal
            return nil
        }
        lent += 1
        return SplicePipe(pipe)
    }

    /// Takes a pipe back: for reuse when it is empty, else it is closed and its bytes are lost.
    func giveBack(_ pipe: SplicePipe) {
        lent -= 1
        restingAsks = 0
        if pipe.byteCount == 0 { idle.append(pipe) } else { close(pipe) }
    }

    /// Closes the pipes that nobody uses.
    package func drain() {
        for pipe in idle { close(pipe) }
        idle.removeAll()
    }

    private func close(_ pipe: SplicePipe) {
        driver.close(pipe.ends.reading)
        driver.close(pipe.ends.writing)
    }
}

/// A pipe and how many bytes are in it. An object of the pool, so that a direction holds one word.
///
/// ## Concurrency
/// Confined to its loop.
final class SplicePipe {
    let ends: Pipe
    var byteCount = 0
    /// How much the last splice into it moved.
    var latestCount = 0

    init(_ ends: Pipe) { self.ends = ends }
}

/// Bytes that were read and could not be written on; there only while a sink is full.
///
/// ## Concurrency
/// Confined to its loop.
final class PendingBytes {
    private let memory: UnsafeMutableRawBufferPointer
    private var start = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        memory = .allocate(byteCount: bytes.count, alignment: 16)
        memory.copyMemory(from: bytes)
    }

    deinit { memory.deallocate() }

    /// What is left.
    var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[start...]) }

    /// Drops bytes from the front; whether nothing is left.
    func drop(_ count: Int) -> Bool {
        start += count
        return start == memory.count
    }
}
