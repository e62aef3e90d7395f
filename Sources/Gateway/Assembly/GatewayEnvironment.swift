package import HTTPClient
package import LinuxIO
package import Loop
package import Metering
package import Model

/// What a gateway needs of its surroundings: threads, memory that outlives it, and the remains of
/// earlier runs. `LinuxEnvironment` is the real one; tests bring one on a simulated kernel.
///
/// ## Concurrency
/// Called on the gateway's control loop only.
package protocol GatewayEnvironment: AnyObject {
    /// A loop with a kernel of its own, already running. `index` is its number among the loops
    /// that carry flows; others have -1.
    func makeLoop(name: String, index: Int) throws -> EventLoop
    /// Ends a loop that `makeLoop` made, after its present turn.
    func endLoop(_ loop: EventLoop)
    /// Memory for a loop's meters; it outlives a crash if there is a state directory.
    func makeMeterMemory(boot: BootID, loop: Int) throws -> MeterMemory
    /// Flows that earlier runs left behind.
    func findDeadBoots(except boot: BootID) throws -> [DeadBootRemains]
    /// Tells of changed files; nil where nobody does.
    func makeDirectoryWatch() throws(Errno) -> DirectoryWatch?
    /// The machine's name, for metrics.
    var hostName: String { get }
    /// Where state is kept; nil where nothing is kept.
    var stateDirectory: String? { get }
    /// What asks servers of plugins; called where some object has one.
    func makeSender() throws -> any HTTPSender
}

extension GatewayEnvironment {
    /// Surroundings in which nobody can be asked.
    package func makeSender() throws -> any HTTPSender { throw HTTPFault.stopped }
}

extension GatewayEnvironment {
    /// Nobody does.
    package func makeDirectoryWatch() throws(Errno) -> DirectoryWatch? { nil }

    /// A machine without a name.
    package var hostName: String { "localhost" }
}

/// One loop's meter memory.
package struct MeterMemory {
    /// For slots.
    package let slots: any ChunkedMemory
    /// For texts.
    package let texts: any ChunkedMemory
    /// Removes it, once nothing in it is needed.
    package let remove: () -> Void

    package init(
        slots: any ChunkedMemory, texts: any ChunkedMemory, remove: @escaping () -> Void
    ) {
        self.slots = slots
        self.texts = texts
        self.remove = remove
    }
}

/// What one loop of a dead run left.
package struct DeadBootRemains {
    /// Its flows.
    package let boot: DeadBoot
    /// Removes the files, once every observer has stored the flows.
    package let remove: () -> Void

    package init(boot: DeadBoot, remove: @escaping () -> Void) {
        self.boot = boot
        self.remove = remove
    }
}
