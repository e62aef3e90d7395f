package import Model

/// Stands in for the address of a destination that only a node of a chain looks up: until its first
/// reply tells the address, the flow is known by this.
///
/// It is taken from the prefix that routers discard (RFC 6666), so that it is nobody's address.
package enum FarName {
    private static let prefix: UInt64 = 0x0100_0000_0000_0000

    /// The stand-in for the name with this number.
    package static func endpoint(_ number: UInt64, port: UInt16) -> Endpoint {
        Endpoint(IPAddress(high: prefix, low: number), port)
    }

    /// Whether an address is one.
    package static func stands(for address: IPAddress) -> Bool { address.high == prefix }
}
