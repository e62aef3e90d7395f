import Glibc
package import LinuxIO
package import Model

extension SimulatedDriver {
    package func bindDatagrams(
        at endpoint: Endpoint, options: DatagramOptions
    ) throws(Errno) -> Descriptor {
        count(.bindDatagrams)
        try checkLimit("socket")
        _ = try kernel.source(of: options.egress, towards: endpoint.address)
        let source = options.egress.source.map { Endpoint($0, endpoint.port) }
        return kernel.open(
            try kernel.bindDatagrams(
                at: source ?? endpoint, isShared: options.isShared, joinsSegments: true,
                capacity: Int(options.receiveBufferBytes)))
    }

    package func receiveDatagrams(
        _ descriptor: Descriptor, into inbox: DatagramInbox
    ) -> Transfer {
        count(.receiveDatagrams)
        let socket = datagramSocket(descriptor, "recvmmsg")
        if kernel.chance(kernel.faults.datagramErrors) {
            socket.wake()
            return .failed(Errno(ECONNREFUSED, in: "recvmmsg"))
        }
        if socket.queue.isEmpty || isSpuriouslyBlocked(socket) { return .wouldBlock }
        var limit = min(inbox.capacity, socket.queue.count)
        if limit > 1 && kernel.chance(kernel.faults.shortReads) {
            limit = kernel.random(in: 1...(limit - 1))
            socket.wake()
        }
        let taken = socket.dequeue(limit)
        for (index, message) in taken.enumerated() {
            let count = min(message.bytes.count, inbox.messageBytes)
            UnsafeMutableRawBufferPointer(start: inbox.bytes(index), count: count)
                .copyBytes(from: message.bytes.prefix(count))
            inbox.messages[index] = DatagramInbox.Message(
                source: message.source, local: message.local, count: count,
                segmentBytes: message.segmentBytes < count ? message.segmentBytes : 0,
                isTruncated: count < message.bytes.count)
        }
        return .bytes(taken.count)
    }

    package func sendDatagrams(
        _ descriptor: Descriptor, _ outbox: DatagramOutbox, from first: Int
    ) -> Transfer {
        count(.sendDatagrams)
        precondition(outbox.messages.indices.contains(first), "sendDatagrams: no such message")
        let socket = datagramSocket(descriptor, "sendmmsg")
        if isSpuriouslyBlocked(socket) { return .wouldBlock }
        var last = min(outbox.messages.count, first + 64)
        if last - first > 1 && kernel.chance(kernel.faults.shortBatches) {
            last = first + kernel.random(in: 1...(last - first - 1))
        }
        for index in first..<last {
            let message = outbox.messages[index]
            let count = outbox.byteCount(index)
            let refusal =
                kernel.refusal(
                    socket, to: message.destination, count: count,
                    segmentBytes: message.segmentBytes)
                ?? (kernel.chance(kernel.faults.refusedDatagrams) ? EPERM : nil)
            if let refusal {
                return index > first
                    ? .bytes(index - first) : .failed(Errno(refusal, in: "sendmmsg"))
            }
            let source =
                message.source.isUnspecified
                ? self.source(of: socket, towards: message.destination.address) : message.source
            kernel.carry(
                outbox.bytes(of: message), segmentBytes: message.segmentBytes,
                from: Endpoint(source, socket.endpoint.port), to: message.destination)
        }
        return .bytes(last - first)
    }

    private func source(
        of socket: SimulatedDatagramSocket, towards address: IPAddress
    ) -> IPAddress {
        socket.endpoint.address.isUnspecified
            ? kernel.source(towards: address) : socket.endpoint.address
    }

    private func datagramSocket(
        _ descriptor: Descriptor, _ call: StaticString
    ) -> SimulatedDatagramSocket {
        guard let socket = kernel.object(descriptor, call) as? SimulatedDatagramSocket else {
            preconditionFailure("\(call): the descriptor is not a UDP socket")
        }
        return socket
    }
}
