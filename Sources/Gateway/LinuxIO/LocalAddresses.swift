import Glibc
package import Model

/// The machine's own addresses.
package enum LocalAddresses {
    /// The addresses of all interfaces now; empty where the kernel does not tell.
    package static func all() -> [IPAddress] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var addresses: [IPAddress] = []
        var next = first
        while let entry = next {
            next = entry.pointee.ifa_next
            guard let socketAddress = entry.pointee.ifa_addr else { continue }
            switch Int32(socketAddress.pointee.sa_family) {
            case AF_INET:
                let address = UnsafeRawPointer(socketAddress).loadUnaligned(as: sockaddr_in.self)
                addresses.append(IPAddress(v4: UInt32(bigEndian: address.sin_addr.s_addr)))
            case AF_INET6:
                let address = UnsafeRawPointer(socketAddress).loadUnaligned(as: sockaddr_in6.self)
                let halves = withUnsafeBytes(of: address.sin6_addr) { bytes in
                    (
                        UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                        UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                    )
                }
                addresses.append(IPAddress(high: halves.0, low: halves.1))
            default:
                continue
            }
        }
        return addresses
    }
}
