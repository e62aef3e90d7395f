import Glibc
package import LinuxIO
package import Model

extension ScriptedDriver {
    /// What unexpected calls that open something fail with.
    private var surprise: Errno { Errno(ENOSYS, in: "unexpected") }

    private func descriptor(_ call: ScriptedCall) throws(Errno) -> Descriptor {
        switch answer(call) {
        case .descriptor(let descriptor): return descriptor
        case .failed(let code): throw Errno(code, in: "scripted")
        case let other?: misfit(call, other)
        case nil: break
        }
        throw surprise
    }

    /// A call that moves something; `fill` takes what is received.
    private func transfer(
        _ call: ScriptedCall, fill: ([UInt8]) -> Int? = { _ in nil }
    ) -> Transfer {
        switch answer(call) {
        case .moved(let count): return .bytes(count)
        case .wouldBlock: return .wouldBlock
        case .failed(let code): return .failed(Errno(code, in: "scripted"))
        case .bytes(let bytes):
            if let count = fill(bytes) { return .bytes(count) }
            misfit(call, .bytes(bytes))
        case let other?: misfit(call, other)
        case nil: break
        }
        return .wouldBlock
    }

    private func simple(_ call: ScriptedCall) {
        guard let answer = answer(call) else { return }
        guard case .done = answer else { return misfit(call, answer) }
    }

    package func listen(at endpoint: Endpoint, options: ListenOptions) throws(Errno) -> Descriptor {
        try descriptor(.listen(endpoint))
    }

    package func listen(atPath path: String) throws(Errno) -> Descriptor {
        try descriptor(.listenAtPath(path))
    }

    package func accept(_ listener: Descriptor) -> Accepted {
        let call = ScriptedCall.accept(listener)
        switch answer(call) {
        case .accepted(let accepted): return accepted
        case .wouldBlock: return .wouldBlock
        case let other?: misfit(call, other)
        case nil: break
        }
        return .wouldBlock
    }

    package func connect(
        to endpoint: Endpoint, by egress: Egress
    ) throws(Errno) -> Descriptor {
        precondition(egress.isAnywhere, "scripts do not know of ways out")
        return try descriptor(.connect(endpoint))
    }

    package func socketError(_ descriptor: Descriptor) -> Errno? {
        let call = ScriptedCall.socketError(descriptor)
        switch answer(call) {
        case .done: return nil
        case .failed(let code): return Errno(code, in: "scripted")
        case let other?: misfit(call, other)
        case nil: break
        }
        return surprise
    }

    package func localEndpoint(_ descriptor: Descriptor) throws(Errno) -> Endpoint {
        let call = ScriptedCall.localEndpoint(descriptor)
        switch answer(call) {
        case .endpoint(let endpoint): return endpoint
        case .failed(let code): throw Errno(code, in: "scripted")
        case let other?: misfit(call, other)
        case nil: break
        }
        throw surprise
    }

    package func receive(
        _ descriptor: Descriptor, into buffer: UnsafeMutableRawBufferPointer
    ) -> Transfer {
        transfer(.receive(descriptor)) { bytes in
            guard bytes.count <= buffer.count else { return nil }
            buffer.copyBytes(from: bytes)
            return bytes.count
        }
    }

    package func send(_ descriptor: Descriptor, _ bytes: UnsafeRawBufferPointer) -> Transfer {
        transfer(.send(descriptor, Array(bytes)))
    }

    package func shutdownSending(_ descriptor: Descriptor) { simple(.shutdownSending(descriptor)) }
    package func resetOnClose(_ descriptor: Descriptor) { simple(.resetOnClose(descriptor)) }

    package func close(_ descriptor: Descriptor) {
        forget(descriptor)
        simple(.close(descriptor))
    }

    package func makePipe(capacity: Int) throws(Errno) -> Pipe {
        switch answer(.makePipe) {
        case .pipe(let pipe): return pipe
        case .failed(let code): throw Errno(code, in: "scripted")
        case let other?: misfit(.makePipe, other)
        case nil: break
        }
        throw surprise
    }

    package func splice(
        from source: Descriptor, to sink: Descriptor, count: Int
    ) -> Transfer {
        transfer(.splice(from: source, to: sink))
    }

    package func bindDatagrams(
        at endpoint: Endpoint, options: DatagramOptions
    ) throws(Errno) -> Descriptor {
        try descriptor(.bindDatagrams(endpoint))
    }

    package func receiveDatagrams(
        _ descriptor: Descriptor, into inbox: DatagramInbox
    ) -> Transfer {
        let call = ScriptedCall.receiveDatagrams(descriptor)
        switch answer(call) {
        case .wouldBlock: return .wouldBlock
        case .failed(let code): return .failed(Errno(code, in: "scripted"))
        case .messages(let messages) where messages.count <= inbox.capacity:
            for (index, message) in messages.enumerated() { inbox.put(message, at: index) }
            return .bytes(messages.count)
        case let other?: misfit(call, other)
        case nil: break
        }
        return .wouldBlock
    }

    package func sendDatagrams(
        _ descriptor: Descriptor, _ outbox: DatagramOutbox, from first: Int
    ) -> Transfer {
        let messages = outbox.messages[first...].map { message in
            return ScriptedDatagram(
                message.destination, local: message.source,
                outbox.bytes(of: message), segmentBytes: message.segmentBytes)
        }
        return transfer(.sendDatagrams(descriptor, messages))
    }
}

extension DatagramInbox {
    /// Stores a message as if it had been received.
    func put(_ message: ScriptedDatagram, at index: Int) {
        let count = min(message.bytes.count, messageBytes)
        UnsafeMutableRawBufferPointer(start: bytes(index), count: count)
            .copyBytes(from: message.bytes.prefix(count))
        messages[index] = Message(
            source: message.remote, local: message.local, count: count,
            segmentBytes: message.segmentBytes, isTruncated: count < message.bytes.count)
    }
}
