import KernelTesting
import Limiting
import LinuxIO
import Model
import Relay
import Testing

@Suite("Datagrams with limits", .timeLimit(.minutes(2)))
struct LimitedDatagramTests {
    private let bench = DatagramBench(seed: 51)
    private static let gateway = DatagramBench.gateway

    private func limits(
        _ key: LimitKey, uplink: Int? = nil, downlink: Int? = nil
    ) -> [any LimitSource] {
        let rate = { (bytes: Int) in ByteRate(bytesPerSecond: bytes) }
        return [
            LimiterUse(
                TrafficLimiter([
                    (key, TrafficRates(uplink: uplink.map(rate), downlink: downlink.map(rate)))
                ]))
        ]
    }

    /// Sends a datagram of so many bytes every millisecond for so long.
    private func flood(
        _ sockets: [PeerDatagrams], bytes: Int, milliseconds: Int, header: [UInt8] = []
    ) throws {
        for number in 0..<milliseconds {
            for socket in sockets {
                try socket.send(
                    header + Payload.bytes(bytes, seed: UInt64(number)), to: Self.gateway)
            }
            bench.simulation.run(milliseconds: 1)
        }
    }

    @Test func `what is over the rate is dropped and counted, and the relay lives`() throws {
        bench.limits = limits(.everything, uplink: 100_000)
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53)
        let forwarder = try bench.forward(to: Destination(server.endpoint))
        let socket = try bench.client.bindDatagrams()
        try flood([socket], bytes: 500, milliseconds: 4000)
        let passed = server.received.reduce(0) { $0 + $1.bytes.count }
        #expect(passed <= 400_000 + 5000 + 500)
        #expect(passed > 390_000)
        bench.simulation.run(milliseconds: 2000)
        try socket.send([1, 2, 3], to: Self.gateway)
        bench.simulation.settle()
        #expect(server.received.last?.bytes == [1, 2, 3])
        bench.simulation.onLoop { _ in forwarder.end(DatagramBench.shutdown) }
        #expect(bench.ended.count == 1)
        #expect(bench.totals.uplinkPackets + bench.totals.droppedPackets == 4001)
        #expect(Int(bench.totals.uplinkBytes) == passed + 3)
        #expect(bench.shaper?.flowCount == 0)
        #expect(bench.simulation.kernel.openDescriptorCount == 0)
    }

    @Test func `replies have a rate of their own`() throws {
        bench.limits = limits(.everything, downlink: 50_000)
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53) {
            try? $0.send(Payload.bytes(1000, seed: 5), to: $1.source)
        }
        let forwarder = try bench.forward(to: Destination(server.endpoint))
        let socket = try bench.client.bindDatagrams()
        try flood([socket], bytes: 10, milliseconds: 2000)
        #expect(server.received.count == 2000)
        let replied = socket.received.reduce(0) { $0 + $1.bytes.count }
        #expect(replied <= 100_000 + 2500 + 1000)
        #expect(replied > 95_000)
        bench.simulation.onLoop { _ in forwarder.end(DatagramBench.shutdown) }
        #expect(bench.totals.downlinkPackets + bench.totals.droppedPackets == 2000)
    }

    @Test func `an association is one connection, whatever it sends to`() throws {
        bench.limits = limits(.eachConnection, uplink: 60_000)
        let servers = try (1...3).map {
            try bench.simulation.peer("198.18.0.\($0)").bindDatagrams(port: 53)
        }
        let association = try bench.associate()
        let socket = try bench.client.bindDatagrams()
        for number in 0..<3000 {
            let server = servers[number % 3]
            try socket.send(
                DatagramBench.header(server.endpoint) + Payload.bytes(200, seed: 1),
                to: Self.gateway)
            bench.simulation.run(milliseconds: 1)
        }
        let passed = servers.flatMap(\.received).reduce(0) { $0 + $1.bytes.count }
        #expect(passed <= 180_000 + 3000 + 200)
        #expect(passed > 175_000)
        bench.simulation.onLoop { _ in association.end(DatagramBench.shutdown) }
        #expect(bench.totals.uplinkPackets + bench.totals.droppedPackets == 3000)
        #expect(bench.shaper?.flowCount == 0)
    }

    @Test func `clients of one address share its rate`() throws {
        bench.limits = limits(.eachAddress, uplink: 100_000)
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53)
        let forwarder = try bench.forward(to: Destination(server.endpoint))
        let sockets = try (0..<4).map { _ in try bench.client.bindDatagrams() }
        try flood(sockets, bytes: 100, milliseconds: 2000)
        let passed = server.received.reduce(0) { $0 + $1.bytes.count }
        #expect(passed <= 200_000 + 5100)
        #expect(passed > 195_000)
        bench.simulation.onLoop { _ in forwarder.end(DatagramBench.shutdown) }
    }

    @Test func `of a train the datagrams pass that the limit allows`() throws {
        bench.limits = limits(.everything, uplink: 1_000_000)
        let server = try bench.simulation.peer("198.18.0.1").bindDatagrams(port: 53)
        let forwarder = try bench.forward(to: Destination(server.endpoint))
        let socket = try bench.client.bindDatagrams()
        for _ in 0..<1000 {
            try socket.send(
                Payload.bytes(30_000, seed: 1), to: Self.gateway, segmentBytes: 1000)
            bench.simulation.run(milliseconds: 1)
        }
        let passed = server.received.reduce(0) { $0 + $1.bytes.count }
        #expect(passed <= 1_051_000)
        #expect(passed > 990_000)
        #expect(server.received.allSatisfy { $0.bytes.count == 1000 })
        bench.simulation.onLoop { _ in forwarder.end(DatagramBench.shutdown) }
        #expect(bench.totals.uplinkPackets + bench.totals.droppedPackets == 30_000)
    }
}
