/// Five endpoints in 48 bytes as long as they are IPv4; IPv6 ones are kept aside. There is one of
/// these for every open flow, and most flows are idle.
struct PackedEndpoints: Sendable {
    /// An IPv4 address in the low 32 bits and the port above; or `isWide` and an index.
    private let words: (UInt64, UInt64, UInt64, UInt64, UInt64)
    private let wide: [Endpoint]

    private static let isWide: UInt64 = 1 << 63

    init(_ a: Endpoint, _ b: Endpoint, _ c: Endpoint, _ d: Endpoint, _ e: Endpoint) {
        var wide: [Endpoint] = []
        func word(_ endpoint: Endpoint) -> UInt64 {
            if endpoint.address.isV4 {
                return UInt64(endpoint.address.v4Bits) | UInt64(endpoint.port) << 32
            }
            wide.append(endpoint)
            return Self.isWide | UInt64(wide.count - 1)
        }
        words = (word(a), word(b), word(c), word(d), word(e))
        self.wide = wide
    }

    subscript(index: Int) -> Endpoint {
        let word: UInt64
        switch index {
        case 0: word = words.0
        case 1: word = words.1
        case 2: word = words.2
        case 3: word = words.3
        case 4: word = words.4
        default: preconditionFailure("there are five endpoints")
        }
        if word & Self.isWide != 0 { return wide[Int(word & ~Self.isWide)] }
        return Endpoint(
            IPAddress(v4: UInt32(truncatingIfNeeded: word)), UInt16(truncatingIfNeeded: word >> 32))
    }
}
