import CLinux
import Glibc
package import Model

extension EpollDriver {
    package func bindDatagrams(
        at endpoint: Endpoint, options: DatagramOptions
    ) throws(Errno) -> Descriptor {
        let wanted = options.egress.source.map { Endpoint($0, endpoint.port) } ?? endpoint
        let (socket, family, address) = try openSocket(at: wanted, weir_datagram_socket)
        do throws(Errno) {
            try leave(socket, by: options.egress)
            // SO_REUSEADDR would let a second process take our datagrams, so only SO_REUSEPORT.
            if options.isShared { try set(socket, WEIR_REUSE_PORT, 1) }
            switch family {
            case .v4:
                try set(socket, WEIR_TELL_LOCAL_V4, 1)
            case .v6:
                if address.address.isUnspecified { try set(socket, WEIR_V6_ONLY, 0) }
                try set(socket, WEIR_TELL_LOCAL_V6, 1)
            }
            joinSegments(socket)
            try setReceiveBuffer(socket, options.receiveBufferBytes)
            var shim = address.shim
            _ = try SystemCall.value(
                weir_bind(socket, family.shim, &shim),
                options.egress.source == nil ? "bind" : Errno.sourceCall)
        } catch {
            weir_close(socket)
            throw error
        }
        noteFamily(family, of: socket)
        return Descriptor(socket)
    }

    /// Asks for trains. Kernels before 5.0 have none and deliver single datagrams instead.
    private func joinSegments(_ socket: Int32) {
        let result = weir_set_option(socket, WEIR_JOIN_SEGMENTS, 1)
        if result < 0 { _ = SystemCall.error(Int(result), "setsockopt") }
    }

    /// Above net.core.rmem_max only privilege helps; without it the kernel gives its maximum.
    private func setReceiveBuffer(_ socket: Int32, _ bytes: Int32) throws(Errno) {
        if weir_set_option(socket, WEIR_RECEIVE_BUFFER_FORCE, bytes) < 0 {
            try set(socket, WEIR_RECEIVE_BUFFER, bytes)
        }
    }

    private func noteFamily(_ family: SocketFamily, of socket: Int32) {
        let number = Int(socket)
        while datagramFamilies.count <= number { datagramFamilies.append(nil) }
        datagramFamilies[number] = family
    }

    package func receiveDatagrams(
        _ descriptor: Descriptor, into inbox: DatagramInbox
    ) -> Transfer {
        let count = weir_receive_datagrams(
            arena, descriptor.number, inbox.bytes(0), inbox.stride, inbox.messageBytes,
            Int32(inbox.capacity), received)
        for index in 0..<max(0, Int(count)) {
            let message = received[index]
            inbox.messages[index] = DatagramInbox.Message(
                source: Endpoint(message.source),
                local: IPAddress(high: message.local.high, low: message.local.low),
                count: Int(message.count), segmentBytes: Int(message.segment),
                isTruncated: message.truncated != 0)
        }
        return SystemCall.transfer(Int(count), "recvmmsg")
    }

    package func sendDatagrams(
        _ descriptor: Descriptor, _ outbox: DatagramOutbox, from first: Int
    ) -> Transfer {
        precondition(outbox.messages.indices.contains(first), "sendDatagrams: no such message")
        guard let family = family(of: descriptor) else {
            preconditionFailure("sendDatagrams: not a socket that bindDatagrams made")
        }
        weir_batch_begin(arena)
        for index in first..<outbox.messages.count {
            let added = add(outbox.messages[index], of: outbox, family: family)
            if added == 1 { continue }
            // A bad message is reported when it is the first, else after those before it.
            if added < 0 && index == first {
                return .failed(Errno(-added, in: "sendmmsg"))
            }
            break
        }
        return SystemCall.transfer(Int(weir_batch_send(arena, descriptor.number)), "sendmmsg")
    }

    private func family(of descriptor: Descriptor) -> SocketFamily? {
        let number = Int(descriptor.number)
        return datagramFamilies.indices.contains(number) ? datagramFamilies[number] : nil
    }

    /// Adds a message with its ranges to the batch: 1, 0 when the batch is full, or -errno.
    private func add(
        _ message: DatagramOutbox.Message, of outbox: DatagramOutbox, family: SocketFamily
    ) -> Int32 {
        precondition(
            message.rangeCount <= Int(weir_message_ranges()), "a message has too many ranges")
        guard let segment = UInt16(exactly: message.segmentBytes) else { return -EMSGSIZE }
        var destination = message.destination.shim
        var source = Endpoint(message.source, 0).shim
        let added =
            message.source.isUnspecified
            ? weir_batch_message(
                arena, family.shim, &destination, nil, segment, Int32(message.rangeCount))
            : weir_batch_message(
                arena, family.shim, &destination, &source, segment, Int32(message.rangeCount))
        guard added == 1 else { return added }
        for index in message.firstRange..<(message.firstRange + message.rangeCount) {
            let range = outbox.ranges[index]
            weir_batch_range(arena, range.baseAddress, range.count)
        }
        return added
    }
}
