import Glibc
import Synchronization

/// Ports below the kernel's own range that nobody uses.
///
/// ## Concurrency
/// From any thread.
enum Ports {
    private static let given = Mutex<Set<UInt16>>([])

    /// A port that is free for TCP and UDP, never given twice.
    static func free() throws -> UInt16 {
        for _ in 0..<500 {
            let port = UInt16.random(in: 11_000..<32_000)
            guard given.withLock({ $0.insert(port).inserted }) else { continue }
            guard let tcp = try? Socket.listen(on: Address("0.0.0.0", port)),
                let udp = try? Socket.datagram(on: Address("0.0.0.0", port))
            else { continue }
            tcp.close()
            udp.close()
            return port
        }
        throw HarnessFailure("no free port")
    }
}
