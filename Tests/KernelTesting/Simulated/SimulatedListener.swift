import Chance
import Glibc
import LinuxIO
import Model

/// A listening socket with its queue of connections.
///
/// ## Concurrency
/// Belongs to its `SimulatedKernel`, one thread.
final class SimulatedListener: KernelObject {
    /// Where it listens; unspecified with port 0 for a path.
    let endpoint: Endpoint
    let path: String?
    let isShared: Bool
    private let backlog: Int
    private(set) var queue: [SimulatedStream] = []

    init(
        kernel: SimulatedKernel, endpoint: Endpoint, path: String?, isShared: Bool, backlog: Int
    ) {
        self.endpoint = endpoint
        self.path = path
        self.isShared = isShared
        self.backlog = backlog
        super.init(kernel: kernel)
    }

    override func poll() -> Readiness { queue.isEmpty ? [] : .readable }
    override var mayBeReportedIdly: Bool { true }

    /// Whether another connection fits; Linux takes one more than the backlog.
    var hasRoom: Bool { queue.count <= backlog }

    func enqueue(_ stream: SimulatedStream) {
        queue.append(stream)
        wake()
    }

    func dequeue() -> SimulatedStream? { queue.isEmpty ? nil : queue.removeFirst() }

    override func closed() {
        if let path {
            kernel.paths[path] = nil
        } else {
            kernel.listeners[endpoint.port]?.removeAll { $0 === self }
            if kernel.listeners[endpoint.port]?.isEmpty == true {
                kernel.listeners[endpoint.port] = nil
            }
        }
        for stream in queue { stream.abort() }
        queue.removeAll()
    }
}

extension SimulatedKernel {
    func listen(
        at endpoint: Endpoint, isShared: Bool, backlog: Int
    ) throws(Errno) -> SimulatedListener {
        let port = endpoint.port == 0 ? ephemeralPort() : endpoint.port
        let bound = Endpoint(endpoint.address, port)
        let isTaken = (listeners[port] ?? []).contains { other in
            collide(other.endpoint, bound) && !(isShared && other.isShared)
        }
        if isTaken { throw Errno(EADDRINUSE, in: "bind") }
        let listener = SimulatedListener(
            kernel: self, endpoint: bound, path: nil, isShared: isShared, backlog: backlog)
        listeners[port, default: []].append(listener)
        return listener
    }

    func listen(atPath path: String) throws(Errno) -> SimulatedListener {
        if path.utf8.count > 107 { throw Errno(ENAMETOOLONG, in: "bind") }
        if path.isEmpty { throw Errno(ENOENT, in: "bind") }
        if paths[path] != nil { throw Errno(EADDRINUSE, in: "bind") }
        let listener = SimulatedListener(
            kernel: self, endpoint: Endpoint(.anyV6, 0), path: path, isShared: false, backlog: 4096)
        paths[path] = listener
        return listener
    }

    /// The listener that a connection from `source` to `endpoint` finds.
    func listener(for endpoint: Endpoint, from source: Endpoint) -> SimulatedListener? {
        let all = (listeners[endpoint.port] ?? []).filter { serves($0.endpoint, endpoint) }
        let exact = all.filter { $0.endpoint.address == endpoint.address }
        let group = exact.isEmpty ? all : exact
        if group.isEmpty { return nil }
        return group[Int(spread(source) % UInt64(group.count))]
    }

    /// A number by which sharing sockets split the peers.
    func spread(_ source: Endpoint) -> UInt64 {
        var mixer = SplitMix64(
            seed: source.address.high ^ source.address.low &* 31 ^ UInt64(source.port))
        return mixer.next()
    }
}
