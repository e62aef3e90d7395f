import CLinux
import Glibc
package import Model

extension EpollDriver {
    package func listen(at endpoint: Endpoint, options: ListenOptions) throws(Errno) -> Descriptor {
        let (socket, family, address) = try openSocket(at: endpoint, weir_stream_socket)
        do throws(Errno) {
            // Connections of a former run that linger in TIME_WAIT must not stop a start; a socket
            // that listens still does.
            try set(socket, WEIR_REUSE_ADDRESS, 1)
            if options.isShared { try set(socket, WEIR_REUSE_PORT, 1) }
            if family == .v6 && address.address.isUnspecified { try set(socket, WEIR_V6_ONLY, 0) }
            // Accepted connections inherit it, which saves a call for each.
            try set(socket, WEIR_NO_DELAY, 1)
            try keepAlive(socket)
            var shim = address.shim
            _ = try SystemCall.value(weir_bind(socket, family.shim, &shim), "bind")
            _ = try SystemCall.value(weir_listen(socket, options.backlog), "listen")
        } catch {
            weir_close(socket)
            throw error
        }
        return Descriptor(socket)
    }

    /// Lets the kernel find peers that are gone without a word, so that idle flows do not stay for
    /// ever: the first probe after a minute of silence, then as the system has it.
    private func keepAlive(_ socket: Int32) throws(Errno) {
        try set(socket, WEIR_KEEP_ALIVE, 1)
        try set(socket, WEIR_KEEP_ALIVE_IDLE_SECONDS, 60)
    }

    package func listen(atPath path: String) throws(Errno) -> Descriptor {
        guard path.utf8.count <= Int(weir_unix_path_bytes()) else {
            throw Errno(ENAMETOOLONG, in: "bind")
        }
        guard !path.utf8.contains(0) else { throw Errno(EINVAL, in: "bind") }
        let socket = try SystemCall.value(weir_stream_socket(Int32(WEIR_UNIX)), "socket")
        do throws(Errno) {
            var bound = weir_unix_bind(socket, path)
            if bound == -EADDRINUSE && isStale(path) {
                _ = try SystemCall.value(weir_unlink(path), "unlink")
                bound = weir_unix_bind(socket, path)
            }
            _ = try SystemCall.value(bound, "bind")
            _ = try SystemCall.value(weir_listen(socket, ListenOptions().backlog), "listen")
        } catch {
            weir_close(socket)
            throw error
        }
        return Descriptor(socket)
    }

    /// Whether a path is a socket file that nobody listens on: a dead process's. The probe is of
    /// another kind than the listener, so that a living one refuses it and never has to accept it.
    private func isStale(_ path: String) -> Bool {
        guard weir_is_socket_file(path) == 1 else { return false }
        let probe = weir_datagram_socket(Int32(WEIR_UNIX))
        guard probe >= 0 else { return false }
        defer { weir_close(probe) }
        return weir_unix_connect(probe, path) == -ECONNREFUSED
    }

    package func accept(_ listener: Descriptor) -> Accepted {
        var peer = weir_endpoint()
        let result = weir_accept(listener.number, &peer)
        if result >= 0 { return .connection(Descriptor(result), peer: Endpoint(peer)) }
        if result == -EAGAIN { return .wouldBlock }
        precondition(result != -EINVAL, "accept: the descriptor does not listen")
        let error = SystemCall.error(Int(result), "accept")
        switch error.code {
        // What accept(2) tells to treat like nothing: the connection failed, not the listener.
        case ECONNABORTED, EPERM, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH,
            EOPNOTSUPP, ENETUNREACH, ETIMEDOUT:
            return .lost(error)
        // EMFILE, ENFILE, ENOBUFS, ENOMEM. Codes not known here rest too, so that none can spin.
        default:
            return .exhausted(error)
        }
    }

    package func connect(
        to endpoint: Endpoint, by egress: Egress
    ) throws(Errno) -> Descriptor {
        let family = SocketFamily(of: endpoint.address)
        let socket = try SystemCall.value(weir_stream_socket(family.shim), "socket")
        do throws(Errno) {
            try set(socket, WEIR_NO_DELAY, 1)
            try keepAlive(socket)
            if !egress.isAnywhere {
                try leave(socket, by: egress)
                if let source = egress.source { try bind(socket, to: source, family) }
            }
            var shim = endpoint.shim
            _ = try SystemCall.value(weir_connect(socket, family.shim, &shim), "connect")
        } catch {
            weir_close(socket)
            throw error
        }
        return Descriptor(socket)
    }

    private func bind(
        _ socket: Int32, to source: IPAddress, _ family: SocketFamily
    ) throws(Errno) {
        // The port is chosen with the destination, so that one address has its ports for each.
        _ = weir_set_option(socket, WEIR_BIND_WITHOUT_PORT, 1)
        var shim = Endpoint(source, 0).shim
        _ = try SystemCall.value(weir_bind(socket, family.shim, &shim), Errno.sourceCall)
    }

    package func socketError(_ descriptor: Descriptor) -> Errno? {
        let code = weir_take_error(descriptor.number)
        if code == 0 { return nil }
        return code > 0
            ? Errno(code, in: "connect") : SystemCall.error(Int(code), "getsockopt")
    }

    package func localEndpoint(_ descriptor: Descriptor) throws(Errno) -> Endpoint {
        var local = weir_endpoint()
        _ = try SystemCall.value(weir_local_endpoint(descriptor.number, &local), "getsockname")
        return Endpoint(local)
    }

    package func receive(
        _ descriptor: Descriptor, into buffer: UnsafeMutableRawBufferPointer
    ) -> Transfer {
        precondition(!buffer.isEmpty, "receive: an empty buffer would look like the end")
        return SystemCall.transfer(
            weir_receive(descriptor.number, buffer.baseAddress, buffer.count), "recv")
    }

    package func send(_ descriptor: Descriptor, _ bytes: UnsafeRawBufferPointer) -> Transfer {
        SystemCall.transfer(weir_send(descriptor.number, bytes.baseAddress, bytes.count), "send")
    }

    package func shutdownSending(_ descriptor: Descriptor) {
        let result = weir_shutdown_sending(descriptor.number)
        // ENOTCONN: the peer's reset came first, and the next operation reports it.
        if result < 0 { _ = SystemCall.error(Int(result), "shutdown") }
    }

    package func unsentBytes(_ descriptor: Descriptor) -> Int {
        max(0, Int(weir_unsent_bytes(descriptor.number)))
    }

    package func resetOnClose(_ descriptor: Descriptor) {
        let result = weir_reset_on_close(descriptor.number)
        if result < 0 { _ = SystemCall.error(Int(result), "setsockopt") }
    }

    package func close(_ descriptor: Descriptor) {
        let number = Int(descriptor.number)
        if datagramFamilies.indices.contains(number) { datagramFamilies[number] = nil }
        let result = weir_close(descriptor.number)
        // Other codes are late errors of a file system; sockets and pipes have none.
        if result < 0 { _ = SystemCall.error(Int(result), "close") }
    }

    // MARK: Shared with datagrams

    /// A socket for an address to be bound, and the address as its family has it. `::` falls back
    /// to `0.0.0.0` where the host has no IPv6.
    func openSocket(at endpoint: Endpoint, _ make: (Int32) -> Int32) throws(Errno) -> (
        socket: Int32, family: SocketFamily, address: Endpoint
    ) {
        let family = SocketFamily(of: endpoint.address)
        let socket = make(family.shim)
        if socket == -EAFNOSUPPORT && family == .v6 && endpoint.address.isUnspecified {
            let other = try SystemCall.value(make(SocketFamily.v4.shim), "socket")
            return (other, .v4, Endpoint(.anyV4, endpoint.port))
        }
        return (try SystemCall.value(socket, "socket"), family, endpoint)
    }

    /// Makes a socket leave through a device and with a mark. A socket that did not would take
    /// another way than it should, so a failure is one of the whole call.
    func leave(_ socket: Int32, by egress: Egress) throws(Errno) {
        if egress.mark != 0 {
            _ = try SystemCall.value(
                weir_set_option(socket, WEIR_MARK, Int32(bitPattern: egress.mark)),
                Errno.markCall)
        }
        if let device = egress.device {
            _ = try SystemCall.value(weir_bind_device(socket, device), Errno.deviceCall)
        }
    }

    /// Sets an integer option.
    func set(_ socket: Int32, _ option: weir_option, _ value: Int32) throws(Errno) {
        _ = try SystemCall.value(weir_set_option(socket, option, value), "setsockopt")
    }
}
