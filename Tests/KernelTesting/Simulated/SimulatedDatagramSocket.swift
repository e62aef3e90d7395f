import LinuxIO
import Model

/// A bound UDP socket with its bounded queue.
///
/// ## Concurrency
/// Belongs to its `SimulatedKernel`, one thread.
final class SimulatedDatagramSocket: KernelObject {
    /// One datagram, or a train of them.
    struct Message {
        var source: Endpoint
        var local: IPAddress
        var bytes: [UInt8]
        var segmentBytes: Int
    }

    let endpoint: Endpoint
    let isShared: Bool
    /// Whether trains are delivered whole.
    let joinsSegments: Bool
    private let capacity: Int
    private(set) var queue: [Message] = []
    private var queuedBytes = 0
    /// Messages that found the queue full.
    private(set) var overflowCount = 0
    /// Whether a train was refused once: then its path refuses all.
    var refusesTrains: Bool?

    init(
        kernel: SimulatedKernel, endpoint: Endpoint, isShared: Bool, joinsSegments: Bool,
        capacity: Int
    ) {
        self.endpoint = endpoint
        self.isShared = isShared
        self.joinsSegments = joinsSegments
        self.capacity = capacity
        super.init(kernel: kernel)
    }

    override func poll() -> Readiness { queue.isEmpty ? .writable : [.readable, .writable] }
    override var mayBeReportedIdly: Bool { true }

    /// A message arrives. What does not fit is lost, as a full receive buffer loses it.
    func enqueue(_ message: Message) {
        let isFull = queuedBytes + message.bytes.count > capacity || queue.count >= 65_536
        if isFull {
            overflowCount += 1
            return
        }
        queuedBytes += message.bytes.count
        queue.append(message)
        wake()
    }

    func dequeue(_ limit: Int) -> ArraySlice<Message> {
        let taken = queue.prefix(limit)
        queue.removeFirst(taken.count)
        queuedBytes -= taken.reduce(0) { $0 + $1.bytes.count }
        return taken
    }

    override func closed() {
        kernel.datagramSockets[endpoint.port]?.removeAll { $0 === self }
        if kernel.datagramSockets[endpoint.port]?.isEmpty == true {
            kernel.datagramSockets[endpoint.port] = nil
        }
        queue.removeAll()
        observer = nil
    }
}
