import LinuxIO

/// A pipe. Like a real one it is full when its slots are, which hold one fragment each, however
/// small; its bytes may be fewer or more than its nominal capacity.
///
/// ## Concurrency
/// Belongs to its `SimulatedKernel`, one thread.
final class SimulatedPipe {
    let capacity: Int
    private var bytes = ByteQueue()
    private var fragments: [Int] = []
    var isReaderClosed = false
    var isWriterClosed = false

    init(capacity: Int) { self.capacity = capacity }

    var count: Int { bytes.count }
    var freeSlots: Int { max(0, capacity / 4096 - fragments.count) }

    /// Adds bytes as one fragment.
    func add(_ fragment: [UInt8]) {
        bytes.append(fragment)
        fragments.append(fragment.count)
    }

    func take(_ limit: Int) -> [UInt8] {
        let taken = bytes.take(limit)
        var left = taken.count
        var emptied = 0
        while left > 0 {
            let part = min(left, fragments[emptied])
            fragments[emptied] -= part
            left -= part
            if fragments[emptied] == 0 { emptied += 1 }
        }
        fragments.removeFirst(emptied)
        return taken
    }
}

/// One end of a pipe.
///
/// ## Concurrency
/// Belongs to its `SimulatedKernel`, one thread.
final class SimulatedPipeEnd: KernelObject {
    let pipe: SimulatedPipe
    let isWriter: Bool

    init(kernel: SimulatedKernel, pipe: SimulatedPipe, isWriter: Bool) {
        self.pipe = pipe
        self.isWriter = isWriter
        super.init(kernel: kernel)
    }

    override func closed() {
        if isWriter { pipe.isWriterClosed = true } else { pipe.isReaderClosed = true }
    }
}
