package import LinuxIO
import Model

/// One loop's splice pipes, lent to directions that move bulk and only while they do.
///
/// ## Concurrency
/// Confined to its loop.
package final class PipePool {
    private let driver: any IODriver
    private var idle: [Pipe] = []
    private var lent = 0
    private var isRefused = false

    /// An empty pool; pipes are made when first needed.
    package init(driver: any IODriver) { self.driver = driver }

    /// An empty pipe, or nil when all are lent or the kernel gives none: copy instead.
    package func take() -> Pipe? {
        if let pipe = idle.popLast() {
            lent += 1
            return pipe
        }
        guard !isRefused, lent < Limits.pipesPerLoop else { return nil }
        guard let pipe = try? driver.makePipe(capacity: Limits.pipeBytes) else {
            // Descriptors or pipe memory are exhausted; asking again costs a call per read.
            isRefused = true
            return nil
        }
        lent += 1
        return pipe
    }

    /// Takes an empty pipe back.
    package func giveBack(_ pipe: Pipe) {
        lent -= 1
        isRefused = false
        idle.append(pipe)
    }

    /// Closes a pipe that may still hold bytes.
    package func discard(_ pipe: Pipe) {
        lent -= 1
        isRefused = false
        close(pipe)
    }

    /// Closes the pipes that nobody uses.
    package func drain() {
        for pipe in idle { close(pipe) }
        idle.removeAll()
    }

    private func close(_ pipe: Pipe) {
        driver.close(pipe.reading)
        driver.close(pipe.writing)
    }
}
