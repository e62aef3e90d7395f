import KernelTesting
import LinuxIO
import Model
import Testing

/// One of the kernels that must keep `IODriver`'s contract.
enum Kernel: String, CaseIterable, CustomTestStringConvertible {
    case linux
    case simulated

    var testDescription: String { rawValue }
}

/// A driver with what tests need around it. Waiting is bounded; nothing asserts a time.
///
/// ## Concurrency
/// One thread: the test's.
final class Machine {
    let driver: any IODriver
    let simulated: SimulatedKernel?
    private var edges: [UInt64: Readiness] = [:]
    private let events = UnsafeMutableBufferPointer<ReadyEvent>.allocate(capacity: 64)
    private var nextToken: UInt64 = 1
    private var tokens: [Descriptor: UInt64] = [:]
    private var open: Set<Descriptor> = []

    init(_ kernel: Kernel) throws(Errno) {
        switch kernel {
        case .linux:
            driver = try EpollDriver()
            simulated = nil
        case .simulated:
            let kernel = SimulatedKernel(seed: 1)
            driver = kernel.makeDriver()
            simulated = kernel
        }
        events.initialize(repeating: ReadyEvent(token: 0, readiness: []))
    }

    deinit {
        for descriptor in open { driver.close(descriptor) }
        events.deallocate()
    }

    /// Closes the descriptor with the machine, unless it was closed before.
    func own(_ descriptor: Descriptor) -> Descriptor {
        open.insert(descriptor)
        return descriptor
    }

    func close(_ descriptor: Descriptor) {
        open.remove(descriptor)
        tokens[descriptor] = nil
        driver.close(descriptor)
    }

    // MARK: Readiness

    /// Watches a descriptor, unless it is watched already.
    func watch(_ descriptor: Descriptor) throws(Errno) -> UInt64 {
        if let token = tokens[descriptor] { return token }
        let token = nextToken
        tokens[descriptor] = token
        nextToken += 1
        try driver.watch(descriptor, token: token)
        return token
    }

    private func collect(timeoutNanoseconds: UInt64) -> Bool {
        let count = driver.wait(into: events, timeoutNanoseconds: timeoutNanoseconds)
        for event in events.prefix(count) {
            edges[event.token, default: []].formUnion(event.readiness)
        }
        return count > 0
    }

    /// Waits for an edge in one of these directions, and forgets what was reported with it.
    func edge(_ token: UInt64, _ wanted: Readiness) -> Readiness? {
        for _ in 0..<200 {
            if let readiness = edges[token], !readiness.isDisjoint(with: wanted) {
                edges[token] = nil
                return readiness
            }
            _ = collect(timeoutNanoseconds: 20_000_000)
        }
        return nil
    }

    /// What is reported in a while in which nothing should be.
    func idleEdge(_ token: UInt64) -> Readiness? {
        while collect(timeoutNanoseconds: 20_000_000) {}
        defer { edges[token] = nil }
        return edges[token]
    }

    /// Forgets edges reported so far, those under way included.
    func forgetEdges() {
        while collect(timeoutNanoseconds: 5_000_000) {}
        edges = [:]
    }

    /// Calls until the result is not "nothing now".
    func untilDone(_ call: () -> Transfer) -> Transfer {
        for _ in 0..<200 {
            let result = call()
            if result != .wouldBlock { return result }
            _ = collect(timeoutNanoseconds: 5_000_000)
        }
        return .wouldBlock
    }

    // MARK: Streams

    /// A listener on loopback and its address.
    func listener(
        at address: IPAddress = .loopbackV4, options: ListenOptions = ListenOptions()
    ) throws -> (Descriptor, Endpoint) {
        let listener = own(try driver.listen(at: Endpoint(address, 0), options: options))
        return (listener, try driver.localEndpoint(listener))
    }

    /// Takes a connection that is on its way.
    func accept(_ listener: Descriptor) throws -> (Descriptor, peer: Endpoint) {
        for _ in 0..<200 {
            switch driver.accept(listener) {
            case .connection(let descriptor, let peer): return (own(descriptor), peer)
            case .wouldBlock: _ = collect(timeoutNanoseconds: 5_000_000)
            case .lost(let error), .exhausted(let error): throw error
            }
        }
        throw NothingCame()
    }

    /// Two ends of one established connection.
    func pair(at address: IPAddress = .loopbackV4) throws -> (Descriptor, Descriptor) {
        let (listener, endpoint) = try listener(at: address)
        let client = own(try driver.connect(to: endpoint))
        let (server, _) = try accept(listener)
        close(listener)
        let token = try watch(client)
        guard edge(token, .writable) != nil else { throw NothingCame() }
        return (client, server)
    }

    func send(_ descriptor: Descriptor, _ bytes: [UInt8]) -> Transfer {
        bytes.withUnsafeBytes { driver.send(descriptor, $0) }
    }

    /// What one read gives, waiting for something to come.
    func receive(_ descriptor: Descriptor, _ limit: Int = 65_536) -> Received {
        var bytes = [UInt8](repeating: 0, count: limit)
        let result = untilDone {
            bytes.withUnsafeMutableBytes { driver.receive(descriptor, into: $0) }
        }
        switch result {
        case .bytes(0): return .end
        case .bytes(let count): return .bytes(Array(bytes.prefix(count)))
        case .failed(let error): return .failed(error.name)
        case .wouldBlock: return .nothing
        }
    }

    /// One read that is not repeated.
    func receiveNow(_ descriptor: Descriptor) -> Transfer {
        withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) {
            driver.receive(descriptor, into: $0)
        }
    }

    enum Received: Equatable {
        case bytes([UInt8])
        case end
        case failed(String)
        case nothing
    }

    /// Writes until the kernel takes no more; returns how much it took.
    func fill(_ descriptor: Descriptor) -> Int {
        let piece = [UInt8](repeating: 7, count: 65_536)
        var total = 0
        var refusals = 0
        while refusals < 5 {
            switch send(descriptor, piece) {
            case .bytes(let count):
                total += count
                refusals = 0
            case .wouldBlock:
                // What is full now may drain into the other side's buffer meanwhile.
                refusals += 1
                _ = collect(timeoutNanoseconds: 5_000_000)
            case .failed:
                return total
            }
        }
        return total
    }
}

struct NothingCame: Error {}
