import Glibc
import LinuxIO
import Model

extension SimulatedKernel {
    /// A client's end towards `endpoint`, connecting. `source` is a peer's own address.
    func connect(
        to endpoint: Endpoint, from source: IPAddress? = nil
    ) throws(Errno) -> SimulatedStream {
        let route = route(to: endpoint.address)
        if case .missing = route { throw Errno(ENETUNREACH, in: "connect") }
        let address = source ?? self.source(towards: endpoint.address)
        let stream = SimulatedStream(
            kernel: self, local: Endpoint(address, ephemeralPort()), remote: endpoint,
            phase: .connecting)
        switch route {
        case .missing:
            break
        case .unreachable:
            deliver { stream.failConnecting(EHOSTUNREACH) }
        case .silent:
            plan(afterNanoseconds: 127_000_000_000) { stream.failConnecting(ETIMEDOUT) }
        case .open:
            deliver { self.arrive(stream, retryNanoseconds: 1_000_000_000) }
        }
        return stream
    }

    /// Where a socket of the gateway that leaves by `egress` connects from; nil for the usual
    /// address.
    func source(of egress: Egress, towards address: IPAddress) throws(Errno) -> IPAddress? {
        if egress.mark != 0, !allowsMarks { throw .noMark }
        var own = gatewayAddresses + [.loopbackV4, .loopbackV6]
        var source: IPAddress?
        if let device = egress.device {
            guard let addresses = devices[device] else { throw .noDevice }
            source = addresses.first { $0.isV4 == address.isV4 }
        }
        for addresses in devices.values { own += addresses }
        guard let chosen = egress.source else { return source }
        guard own.contains(chosen) else { throw .noSource }
        return chosen
    }

    /// A client's end towards a Unix listener; connected at once.
    func connect(toPath path: String) throws(Errno) -> SimulatedStream {
        guard let listener = paths[path] else { throw Errno(ENOENT, in: "connect") }
        guard listener.hasRoom else { throw Errno(EAGAIN, in: "connect") }
        let unnamed = Endpoint(.anyV6, 0)
        let client = SimulatedStream(
            kernel: self, local: unnamed, remote: unnamed, phase: .established)
        let server = SimulatedStream(
            kernel: self, local: unnamed, remote: unnamed, phase: .established)
        client.other = server
        server.other = client
        listener.enqueue(server)
        return client
    }

    /// A client's first packet arrives.
    private func arrive(_ client: SimulatedStream, retryNanoseconds: UInt64) {
        guard client.phase == .connecting else { return }
        guard let listener = listener(for: client.remote, from: client.local) else {
            return deliver { client.failConnecting(ECONNREFUSED) }
        }
        guard listener.hasRoom else {
            // The packet is dropped and sent again, 1 s later, then 2 s, up to 127 s in all.
            return plan(afterNanoseconds: retryNanoseconds) {
                if retryNanoseconds >= 64_000_000_000 {
                    client.failConnecting(ETIMEDOUT)
                } else {
                    self.arrive(client, retryNanoseconds: retryNanoseconds * 2)
                }
            }
        }
        let server = SimulatedStream(
            kernel: self, local: client.remote, remote: client.local, phase: .established)
        server.other = client
        client.other = server
        listener.enqueue(server)
        deliver {
            client.establish(with: server)
            // The client may have given up, or the server may have reset already.
            if client.isOrphan && client.phase == .closed { server.receiveReset() }
            if server.phase == .closed { client.receiveReset() }
        }
    }
}
