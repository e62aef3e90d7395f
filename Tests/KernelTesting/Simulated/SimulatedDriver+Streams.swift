import Glibc
package import LinuxIO
package import Model

extension SimulatedDriver {
    package func listen(at endpoint: Endpoint, options: ListenOptions) throws(Errno) -> Descriptor {
        count(.listen)
        try checkLimit("socket")
        return kernel.open(
            try kernel.listen(
                at: endpoint, isShared: options.isShared, backlog: Int(options.backlog)))
    }

    package func listen(atPath path: String) throws(Errno) -> Descriptor {
        count(.listen)
        try checkLimit("socket")
        return kernel.open(try kernel.listen(atPath: path))
    }

    package func accept(_ listener: Descriptor) -> Accepted {
        count(.accept)
        guard let object = kernel.object(listener, "accept") as? SimulatedListener else {
            preconditionFailure("accept: the descriptor does not listen")
        }
        if object.queue.isEmpty { return .wouldBlock }
        let isFull = kernel.openDescriptorCount >= kernel.descriptorLimit
        if isFull || kernel.chance(kernel.faults.acceptExhausted) {
            return .exhausted(Errno(EMFILE, in: "accept"))
        }
        guard let stream = object.dequeue() else { return .wouldBlock }
        if kernel.chance(kernel.faults.acceptLost) {
            stream.abort()
            return .lost(Errno(ECONNABORTED, in: "accept"))
        }
        return .connection(kernel.open(stream), peer: stream.remote)
    }

    package func connect(
        to endpoint: Endpoint, by egress: Egress
    ) throws(Errno) -> Descriptor {
        count(.connect)
        try checkLimit("socket")
        if kernel.chance(kernel.faults.connectRefusedAtOnce) {
            throw Errno(EMFILE, in: "socket")
        }
        return kernel.open(
            try kernel.connect(
                to: endpoint, from: try kernel.source(of: egress, towards: endpoint.address)))
    }

    package func socketError(_ descriptor: Descriptor) -> Errno? {
        let code = stream(descriptor, "getsockopt").takeError()
        return code == 0 ? nil : Errno(code, in: "connect")
    }

    package func localEndpoint(_ descriptor: Descriptor) throws(Errno) -> Endpoint {
        let object = kernel.object(descriptor, "getsockname")
        if let stream = object as? SimulatedStream { return stream.local }
        if let listener = object as? SimulatedListener { return listener.endpoint }
        if let socket = object as? SimulatedDatagramSocket { return socket.endpoint }
        preconditionFailure("getsockname: the descriptor is not a socket")
    }

    package func receive(
        _ descriptor: Descriptor, into buffer: UnsafeMutableRawBufferPointer
    ) -> Transfer {
        count(.receive)
        precondition(!buffer.isEmpty, "receive: an empty buffer would look like the end")
        let stream = stream(descriptor, "recv")
        switch stream.arrival() {
        case .nothing:
            return .wouldBlock
        case .end:
            return .bytes(0)
        case .failed(let code):
            return .failed(Errno(code, in: "recv"))
        case .bytes:
            if isSpuriouslyBlocked(stream) { return .wouldBlock }
            var limit = min(buffer.count, stream.incoming.count)
            if limit > 1 && kernel.chance(kernel.faults.shortReads) {
                limit = kernel.random(in: 1...(limit - 1))
                // As if the rest had come right after: a short count alone proves that there was
                // no more.
                stream.wake()
            }
            let bytes = stream.read(limit)
            buffer.copyBytes(from: bytes)
            return .bytes(bytes.count)
        }
    }

    package func send(_ descriptor: Descriptor, _ bytes: UnsafeRawBufferPointer) -> Transfer {
        count(.send)
        let stream = stream(descriptor, "send")
        switch stream.room() {
        case .none:
            return .wouldBlock
        case .failed(let code):
            return .failed(Errno(code, in: "send"))
        case .bytes(let room):
            if bytes.isEmpty { return .bytes(0) }
            if isSpuriouslyBlocked(stream) { return .wouldBlock }
            let limit = shortened(min(room, bytes.count), stream)
            stream.write(Array(bytes.prefix(limit)), isAll: limit == bytes.count)
            return .bytes(limit)
        }
    }

    package func shutdownSending(_ descriptor: Descriptor) {
        count(.shutdownSending)
        stream(descriptor, "shutdown").shutdownSending()
    }

    package func resetOnClose(_ descriptor: Descriptor) {
        stream(descriptor, "setsockopt").resetsOnClose = true
    }

    // MARK: Shared

    func stream(_ descriptor: Descriptor, _ call: StaticString) -> SimulatedStream {
        guard let stream = kernel.object(descriptor, call) as? SimulatedStream else {
            preconditionFailure("\(call): the descriptor is not a stream socket")
        }
        return stream
    }

    /// Whether a call must pretend that nothing can move; the edge that owes is planned.
    func isSpuriouslyBlocked(_ object: KernelObject) -> Bool {
        guard kernel.chance(kernel.faults.spuriousWouldBlock) else { return false }
        object.wake()
        return true
    }

    /// How much of a possible write is taken; an edge is planned when it is not all.
    func shortened(_ count: Int, _ object: KernelObject) -> Int {
        guard count > 1, kernel.chance(kernel.faults.shortWrites) else { return count }
        object.wake()
        return kernel.random(in: 1...(count - 1))
    }

    func checkLimit(_ call: StaticString) throws(Errno) {
        if kernel.openDescriptorCount >= kernel.descriptorLimit {
            throw Errno(EMFILE, in: call)
        }
    }
}
