import Codecs
import LinuxIO
import Model

/// What the kernel took from the gateway, counted beside the gateway's own meters: the truth that
/// they are compared with.
///
/// ## Concurrency
/// One thread: the test's.
final class KernelTally {
    /// One direction between the gateway and somebody.
    enum Way: Hashable {
        /// Bytes to a client over TCP, replies of the handshake included.
        case client(Endpoint)
        /// Bytes to an origin over TCP, by our own end.
        case upstream(Endpoint)
        /// Payload of datagrams to a destination, from a port of ours.
        case datagramsUp(port: UInt16, to: Endpoint)
        /// Payload of datagrams to a client of an association, by their source.
        case datagramsDown(port: UInt16, to: Endpoint, from: Endpoint)
        /// Payload of datagrams to a client of a forwarder.
        case forwarded(to: Endpoint)
    }

    /// Bytes and datagrams.
    struct Amount: Equatable {
        var bytes: UInt64 = 0
        var packets: UInt64 = 0

        static func += (one: inout Amount, other: Amount) {
            one.bytes += other.bytes
            one.packets += other.packets
        }
    }

    private(set) var amounts: [Way: Amount] = [:]
    /// What the call made last moved.
    private(set) var last: [Way: Amount] = [:]
    /// How often bytes were spliced.
    var spliceCount = 0
    private var streams: [Descriptor: Way] = [:]
    private var sockets: [Descriptor: Endpoint] = [:]
    private let forwarderPort: UInt16

    /// A tally of a gateway whose datagram forwarder listens on a port.
    init(forwarderPort: UInt16) { self.forwarderPort = forwarderPort }

    // MARK: Descriptors

    func accepted(_ descriptor: Descriptor, peer: Endpoint) { streams[descriptor] = .client(peer) }

    func connecting(_ descriptor: Descriptor, local: Endpoint) {
        streams[descriptor] = .upstream(local)
    }

    func bound(_ descriptor: Descriptor, _ endpoint: Endpoint) { sockets[descriptor] = endpoint }

    func closed(_ descriptor: Descriptor) {
        streams[descriptor] = nil
        sockets[descriptor] = nil
    }

    /// All descriptors are gone.
    func processDied() {
        streams.removeAll()
        sockets.removeAll()
    }

    // MARK: Bytes

    func sent(_ descriptor: Descriptor, _ count: Int) {
        last = [:]
        // Pipes are on nobody's way.
        if let way = streams[descriptor] { add(way, count, packets: 0) }
    }

    func nothingSent() { last = [:] }

    func sent(_ descriptor: Descriptor, _ outbox: DatagramOutbox, _ range: Range<Int>) {
        last = [:]
        guard let local = sockets[descriptor] else { return }
        for index in range {
            let message = outbox.messages[index]
            let ranges = message.firstRange..<(message.firstRange + message.rangeCount)
            let bytes = Array(outbox.ranges[ranges].joined())
            let size = message.segmentBytes > 0 ? message.segmentBytes : max(1, bytes.count)
            for start in stride(from: 0, to: max(1, bytes.count), by: size) {
                let datagram = Array(bytes[start..<min(start + size, bytes.count)])
                sent(datagram, from: local, to: message.destination)
            }
        }
    }

    private func sent(_ datagram: [UInt8], from local: Endpoint, to destination: Endpoint) {
        if local.port == forwarderPort {
            add(.forwarded(to: destination), datagram.count, packets: 1)
        } else if local.address.isUnspecified {
            add(.datagramsUp(port: local.port, to: destination), datagram.count, packets: 1)
        } else if case .value(let header, let headerBytes) = SOCKS5.UDPHeader.decode(
            datagram.span.bytes), case .address(let address) = header.destination.host
        {
            let source = Endpoint(address, header.destination.port)
            add(
                .datagramsDown(port: local.port, to: destination, from: source),
                datagram.count - headerBytes, packets: 1)
        }
    }

    private func add(_ way: Way, _ bytes: Int, packets: UInt64) {
        let amount = Amount(bytes: UInt64(bytes), packets: packets)
        amounts[way, default: Amount()] += amount
        last[way, default: Amount()] += amount
    }
}
