package import LinuxIO
package import Model

/// A host outside of the gateway, from which tests play clients and servers.
///
/// ## Concurrency
/// Belongs to its `SimulatedKernel`, one thread.
package final class SimulatedPeer {
    /// The host's address; a loopback one puts it on the gateway's machine.
    package let address: IPAddress
    private let kernel: SimulatedKernel

    /// A host of a kernel's network.
    package init(_ address: IPAddress, in kernel: SimulatedKernel) {
        self.address = address
        self.kernel = kernel
    }

    /// Starts to connect; `PeerStream` tells how it went. Without a route it has failed at once.
    package func connect(to endpoint: Endpoint) throws(Errno) -> PeerStream {
        PeerStream(try kernel.connect(to: endpoint, from: address))
    }

    /// Connects to a Unix socket of the gateway.
    package func connect(toPath path: String) throws(Errno) -> PeerStream {
        PeerStream(try kernel.connect(toPath: path))
    }

    /// Accepts every connection to a port of this host; 0 chooses one.
    package func listen(
        port: UInt16 = 0, backlog: Int = 4096, onConnection: ((PeerStream) -> Void)? = nil
    ) throws(Errno) -> PeerListener {
        PeerListener(
            try kernel.listen(at: Endpoint(address, port), isShared: false, backlog: backlog),
            onConnection: onConnection)
    }

    /// A UDP socket of this host; 0 chooses a port.
    package func bindDatagrams(
        port: UInt16 = 0, onReceive: ((PeerDatagrams, PeerDatagrams.Received) -> Void)? = nil
    ) throws(Errno) -> PeerDatagrams {
        PeerDatagrams(
            try kernel.bindDatagrams(
                at: Endpoint(address, port), isShared: false, joinsSegments: false,
                capacity: 64 << 20),
            onReceive: onReceive)
    }
}

/// A peer's listening socket.
///
/// ## Concurrency
/// Belongs to its `SimulatedKernel`, one thread.
package final class PeerListener {
    /// Called for every connection, before anything is read from it.
    package var onConnection: ((PeerStream) -> Void)?
    /// Leaves connections in the queue while true, as a server that is busy does.
    package var isPaused = false { didSet { serve() } }
    /// All connections accepted so far, in order.
    package private(set) var connections: [PeerStream] = []
    private let listener: SimulatedListener

    init(_ listener: SimulatedListener, onConnection: ((PeerStream) -> Void)?) {
        self.listener = listener
        self.onConnection = onConnection
        listener.observer = { [weak self] in self?.serve() }
    }

    /// Where it listens.
    package var endpoint: Endpoint { listener.endpoint }

    private func serve() {
        while !isPaused, let stream = listener.dequeue() {
            let connection = PeerStream(stream)
            connections.append(connection)
            onConnection?(connection)
        }
    }

    /// Stops listening: further connections are refused, queued ones reset.
    package func close() {
        listener.observer = nil
        listener.closed()
    }
}
