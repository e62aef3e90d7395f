import Model
import Testing

@testable import Metering

/// Facts of flows for tests, each told apart by its number.
enum Flows {
    static let boot = BootID(bits: 0xb007)

    static func service(
        _ guids: [String] = ["meter"], aerocore: Bool = false, tcp: Bool = false
    ) -> MeteredService {
        MeteredService(
            info: ServiceInfo(service: "socks", handler: "socks5", guids: guids),
            usesAerocoreDirections: aerocore, reportsTCP: tcp)
    }

    static func info(
        _ number: UInt64, _ service: MeteredService, user: String? = nil, host: String? = nil,
        node: String? = nil, session: SessionID? = nil, transport: TransportProtocol = .udp,
        openedMilliseconds: Int64 = 1_795_165_200_000
    ) -> FlowInfo {
        FlowInfo(
            id: FlowID(high: 7, low: number), boot: boot, origin: service.info, user: user,
            session: session, node: node, transport: transport,
            client: Endpoint(IPAddress(v4: 0xcb00_7109), UInt16(truncatingIfNeeded: number)),
            destination: Endpoint(IPAddress(high: 0x2001_0db8 << 32, low: number), 53),
            host: host, listener: Endpoint(.loopbackV4, 1080),
            upstreamLocal: Endpoint(IPAddress(v4: 0xc633_6401), 40_000),
            upstreamRemote: Endpoint(IPAddress(v4: 0xc000_0207), 53),
            openedMilliseconds: openedMilliseconds)
    }

    static let finished = FlowEnd(by: .client, phase: .relay, cause: .finished)
}

/// Memory with room for so many chunks and no more, like a disk that fills.
///
/// ## Concurrency
/// One thread: the test's.
final class LimitedMemory: ChunkedMemory {
    let plain: PlainMemory
    var room: Int

    init(chunkBytes: Int, room: Int) {
        plain = PlainMemory(chunkBytes: chunkBytes)
        self.room = room
    }

    func startWriteBack() {}

    func appendChunk() -> UnsafeMutableRawPointer? {
        if room == 0 { return nil }
        room -= 1
        return plain.appendChunk()
    }
}

extension SlotPool {
    /// A free slot; the test ends where there is none.
    mutating func one() throws -> (index: UInt32, slot: FlowSlot) {
        let taken = take()
        return try #require(taken)
    }
}
