import Glibc
import LinuxIO
import Model

extension SimulatedKernel {
    func bindDatagrams(
        at endpoint: Endpoint, isShared: Bool, joinsSegments: Bool, capacity: Int
    ) throws(Errno) -> SimulatedDatagramSocket {
        let port = endpoint.port == 0 ? ephemeralPort() : endpoint.port
        let bound = Endpoint(endpoint.address, port)
        let isTaken = (datagramSockets[port] ?? []).contains { other in
            collide(other.endpoint, bound) && !(isShared && other.isShared)
        }
        if isTaken { throw Errno(EADDRINUSE, in: "bind") }
        let socket = SimulatedDatagramSocket(
            kernel: self, endpoint: bound, isShared: isShared, joinsSegments: joinsSegments,
            capacity: capacity)
        datagramSockets[port, default: []].append(socket)
        return socket
    }

    /// Why a message cannot be sent from a socket, or nil.
    func refusal(
        _ socket: SimulatedDatagramSocket, to destination: Endpoint, count: Int, segmentBytes: Int
    ) -> Int32? {
        let bound = socket.endpoint.address
        if bound.isV4 && !destination.address.isV4 { return EAFNOSUPPORT }
        if !bound.isV4 && !bound.isUnspecified && destination.address.isV4 { return ENETUNREACH }
        if case .missing = route(to: destination.address) { return ENETUNREACH }
        if count > (destination.address.isV4 ? 65_507 : 65_527) { return EMSGSIZE }
        guard segmentBytes > 0, count > segmentBytes else { return nil }
        if (count + segmentBytes - 1) / segmentBytes > Limits.segmentsPerSend { return EINVAL }
        if segmentBytes > trainSegmentBytes { return EINVAL }
        if socket.joinsSegments && socket.refusesTrains == nil && faults.refusedTrains > 0 {
            socket.refusesTrains = chance(faults.refusedTrains)
        }
        return socket.refusesTrains == true ? (chance(0.5) ? EINVAL : EIO) : nil
    }

    /// Carries a message to whoever serves its destination.
    func carry(
        _ bytes: [UInt8], segmentBytes: Int, from source: Endpoint, to destination: Endpoint
    ) {
        guard case .open = route(to: destination.address) else { return }
        let pieces = split(bytes, segmentBytes).flatMap { piece -> [[UInt8]] in
            if chance(faults.lostDatagrams) { return [] }
            return chance(faults.repeatedDatagrams) ? [piece, piece] : [piece]
        }
        deliver { [self] in
            guard let socket = socket(for: destination, from: source) else { return }
            for train in socket.joinsSegments ? trains(pieces) : pieces.map({ [$0] }) {
                socket.enqueue(
                    SimulatedDatagramSocket.Message(
                        source: source, local: destination.address, bytes: concatenated(train),
                        segmentBytes: train.count > 1 ? train[0].count : 0))
            }
        }
    }

    private func split(_ bytes: [UInt8], _ segmentBytes: Int) -> [[UInt8]] {
        if segmentBytes == 0 || bytes.count <= segmentBytes { return [bytes] }
        return stride(from: 0, to: bytes.count, by: segmentBytes).map { start in
            Array(bytes[start..<min(start + segmentBytes, bytes.count)])
        }
    }

    /// Joins neighbours of one size; only the last of a train may be shorter, and none empty.
    private func trains(_ pieces: [[UInt8]]) -> [[[UInt8]]] {
        var trains: [[[UInt8]]] = []
        for piece in pieces {
            if let last = trains.last, let size = last.first?.count, let tail = last.last,
                tail.count == size, piece.count <= size, !piece.isEmpty,
                size * last.count + piece.count <= 65_507, !chance(faults.splitTrains)
            {
                trains[trains.count - 1].append(piece)
            } else {
                trains.append([piece])
            }
        }
        return trains
    }

    private func socket(
        for destination: Endpoint, from source: Endpoint
    ) -> SimulatedDatagramSocket? {
        let all = (datagramSockets[destination.port] ?? []).filter {
            serves($0.endpoint, destination)
        }
        let exact = all.filter { $0.endpoint.address == destination.address }
        let group = exact.isEmpty ? all : exact
        return group.isEmpty ? nil : group[Int(spread(source) % UInt64(group.count))]
    }
}

/// All pieces in one array. `joined` takes single bytes in debug builds.
private func concatenated(_ pieces: [[UInt8]]) -> [UInt8] {
    if pieces.count == 1 { return pieces[0] }
    var all: [UInt8] = []
    for piece in pieces { all += piece }
    return all
}
