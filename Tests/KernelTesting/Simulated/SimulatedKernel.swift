import Chance
import LinuxIO
package import Model

/// A network of one gateway and its peers, in memory, whose every choice follows from a seed.
///
/// Sockets have bounded buffers, listeners bounded queues, and readiness comes in edges as epoll
/// reports them. Time stands still until `advance`. Descriptor numbers are reused, lowest first.
///
/// ## Concurrency
/// One thread: kernel, drivers, loops and peers take turns in it.
package final class SimulatedKernel {
    /// How unkind it is; may be changed at any time.
    package var faults: Faults
    /// Nanoseconds since the simulated machine started.
    package private(set) var nowNanoseconds: UInt64 = 1_000_000_000
    /// Milliseconds since 1970 at `nowNanoseconds` 0.
    package var bootMilliseconds: Int64 = 1_767_225_600_000
    /// How long anything travels, one way.
    package var latencyNanoseconds: ClosedRange<UInt64> = 0...0
    /// What each stream socket holds in each direction.
    package var bufferBytes = 256 * 1024
    /// The most that travels at once over a stream; nil for all that fits.
    package var segmentBytes: Int?
    /// The largest datagram of a train on this network's paths, without headers.
    package var trainSegmentBytes = 65_507
    /// Descriptors that the gateway may have open; `accept` and `connect` fail above.
    package var descriptorLimit = 20_000
    /// The gateway's own address for each family, beside the loopback ones.
    package var gatewayAddresses = [
        IPAddress(v4: 0xc633_6401), IPAddress("2001:db8:1::1") ?? .anyV6,
    ]

    /// The gateway's interfaces by name, each with its addresses.
    package var devices: [String: [IPAddress]] = [:]
    /// Whether the gateway may mark its packets.
    package var allowsMarks = true

    /// What happens to connections to an address that nobody simulates otherwise.
    package enum Route: Sendable {
        /// Packets arrive.
        case open
        /// There is no route: `connect` and sends fail at once with ENETUNREACH.
        case missing
        /// A router answers that the host is unreachable: EHOSTUNREACH.
        case unreachable
        /// Packets vanish: ETIMEDOUT after 127 s.
        case silent
    }

    /// Routes that differ from `open`.
    package var routes: [IPAddress: Route] = [:]

    private var generator: SplitMix64
    private var agenda = Agenda()
    private var table: [KernelObject?] = []
    private var nextPort: UInt16 = 32_768
    /// Listening sockets by port.
    var listeners: [UInt16: [SimulatedListener]] = [:]
    /// Unix listeners by path.
    var paths: [String: SimulatedListener] = [:]
    /// Bound UDP sockets by port.
    var datagramSockets: [UInt16: [SimulatedDatagramSocket]] = [:]
    private(set) var drivers: [SimulatedDriver] = []

    package init(seed: UInt64, faults: Faults = .none) {
        generator = SplitMix64(seed: seed)
        self.faults = faults
    }

    /// A driver for one more loop of the gateway.
    package func makeDriver() -> SimulatedDriver {
        let driver = SimulatedDriver(kernel: self)
        drivers.append(driver)
        return driver
    }

    // MARK: Time

    /// When something is planned to happen next.
    package var nextEventNanoseconds: UInt64? { agenda.nextTime }

    /// Whether something is due at the present moment.
    package var hasDueEvents: Bool { (agenda.nextTime ?? .max) <= nowNanoseconds }

    /// Lets happen what is due now.
    package func runDueEvents() {
        while let action = agenda.popDue(at: nowNanoseconds) { action() }
    }

    /// Moves time on, never back, and lets happen what falls due on the way.
    package func advance(toNanoseconds time: UInt64) {
        while let next = agenda.nextTime, next <= time {
            nowNanoseconds = max(nowNanoseconds, next)
            runDueEvents()
        }
        nowNanoseconds = max(nowNanoseconds, time)
    }

    /// Plans something; 0 is still after what is planned for now already.
    package func plan(afterNanoseconds delay: UInt64, _ action: @escaping () -> Void) {
        agenda.plan(at: nowNanoseconds + delay, action)
    }

    /// Plans something for when a packet sent now arrives.
    func deliver(_ action: @escaping () -> Void) {
        plan(afterNanoseconds: random(in: latencyNanoseconds), action)
    }

    // MARK: Chance

    /// Whether a fault of that probability happens now.
    func chance(_ probability: Double) -> Bool { generator.happens(probability) }

    /// A number from a range.
    package func random<Number: FixedWidthInteger>(in range: ClosedRange<Number>) -> Number {
        range.lowerBound == range.upperBound
            ? range.lowerBound : Number.random(in: range, using: &generator)
    }

    // MARK: Descriptors

    /// How many descriptors the gateway has open, pipes twice.
    package var openDescriptorCount: Int { table.count { $0 != nil } }

    func open(_ object: KernelObject) -> Descriptor {
        if let free = table.firstIndex(where: { $0 == nil }) {
            table[free] = object
            return Descriptor(Int32(free + 3))
        }
        table.append(object)
        return Descriptor(Int32(table.count + 2))
    }

    /// The object behind a descriptor; traps as EBADF does.
    func object(_ descriptor: Descriptor, _ call: StaticString) -> KernelObject {
        let index = Int(descriptor.number) - 3
        guard table.indices.contains(index), let object = table[index] else {
            preconditionFailure("\(call): descriptor \(descriptor.number) is not open")
        }
        return object
    }

    func close(_ descriptor: Descriptor) {
        let object = object(descriptor, "close")
        table[Int(descriptor.number) - 3] = nil
        object.watch = nil
        object.closed()
    }

    /// Closes every descriptor of the gateway, as the kernel does for a process that died.
    package func closeAll() {
        for index in table.indices where table[index] != nil {
            close(Descriptor(Int32(index + 3)))
        }
    }

    // MARK: Addresses

    /// Whether an address is the gateway's own, so that its wildcard sockets serve it.
    func isGateway(_ address: IPAddress) -> Bool {
        address.isLoopback || gatewayAddresses.contains(address)
    }

    func route(to address: IPAddress) -> Route { routes[address] ?? .open }

    /// The address that the gateway uses towards another.
    func source(towards address: IPAddress) -> IPAddress {
        if address.isLoopback { return address.isV4 ? .loopbackV4 : .loopbackV6 }
        return gatewayAddresses.first { $0.isV4 == address.isV4 } ?? .loopbackV4
    }

    /// A port that nobody uses.
    func ephemeralPort() -> UInt16 {
        repeat {
            nextPort = nextPort == .max ? 32_768 : nextPort + 1
        } while listeners[nextPort] != nil || datagramSockets[nextPort] != nil
        return nextPort
    }

    /// Whether a socket bound to `bound` takes what is sent to `endpoint`.
    func serves(_ bound: Endpoint, _ endpoint: Endpoint) -> Bool {
        guard bound.port == endpoint.port else { return false }
        if bound.address == endpoint.address { return true }
        guard bound.address.isUnspecified, isGateway(endpoint.address) else { return false }
        return bound.address == .anyV6 || endpoint.address.isV4
    }

    /// Whether two sockets cannot be bound to these without sharing.
    func collide(_ one: Endpoint, _ other: Endpoint) -> Bool {
        if one.address == other.address { return true }
        func covers(_ wide: IPAddress, _ narrow: IPAddress) -> Bool {
            guard wide.isUnspecified, narrow.isUnspecified || isGateway(narrow) else {
                return false
            }
            return wide == .anyV6 || narrow.isV4
        }
        return covers(one.address, other.address) || covers(other.address, one.address)
    }
}
