/// An IPv4 or IPv6 address in 128 bits; IPv4 is kept as `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2).
///
/// One representation for both families keeps flow tables and socket calls free of branches:
/// dual-stack sockets speak the mapped form anyway.
public struct IPAddress: Hashable, Sendable {
    /// The first eight bytes, most significant first.
    public let high: UInt64
    /// The last eight bytes, most significant first.
    public let low: UInt64

    /// An address from its two halves in network order of significance.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// An IPv4 address from its 32 bits, most significant byte first (`0x7f000001` is 127.0.0.1).
    public init(v4 bits: UInt32) {
        self.init(high: 0, low: 0xffff_0000_0000 | UInt64(bits))
    }

    /// `0.0.0.0`.
    public static let anyV4 = IPAddress(v4: 0)
    /// `::`.
    public static let anyV6 = IPAddress(high: 0, low: 0)
    /// `127.0.0.1`.
    public static let loopbackV4 = IPAddress(v4: 0x7f00_0001)
    /// `::1`.
    public static let loopbackV6 = IPAddress(high: 0, low: 1)

    /// Whether this is an IPv4 address.
    public var isV4: Bool { high == 0 && low >> 32 == 0xffff }

    /// The 32 bits of an IPv4 address; meaningless for IPv6.
    public var v4Bits: UInt32 { UInt32(truncatingIfNeeded: low) }

    /// The byte at `index`, 0 being the most significant of the 16.
    public subscript(index: Int) -> UInt8 {
        precondition((0..<16).contains(index), "an address has 16 bytes")
        let half = index < 8 ? high : low
        return UInt8(truncatingIfNeeded: half >> UInt64(56 - 8 * (index & 7)))
    }
}

extension IPAddress {
    /// Whether the address is `0.0.0.0` or `::`.
    public var isUnspecified: Bool { self == .anyV4 || self == .anyV6 }

    /// Whether the address is in 127.0.0.0/8 or is `::1`.
    public var isLoopback: Bool {
        isV4 ? v4Bits >> 24 == 127 : self == .loopbackV6
    }

    /// Whether the address is in 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291 §2.5.6).
    public var isLinkLocal: Bool {
        isV4 ? v4Bits >> 16 == 0xa9fe : high >> 54 == 0x3fa
    }

    /// Whether the address is private: RFC 1918, RFC 6598 shared space, or fc00::/7 (RFC 4193).
    public var isPrivate: Bool {
        guard isV4 else { return high >> 57 == 0x7e }
        return v4Bits >> 24 == 10 || v4Bits >> 20 == 0xac1 || v4Bits >> 16 == 0xc0a8
            || v4Bits >> 22 == 0x191
    }

    /// Whether the address is a multicast group or the limited broadcast address.
    public var isMulticastOrBroadcast: Bool {
        isV4 ? v4Bits >> 28 == 0xe || v4Bits == 0xffff_ffff : high >> 56 == 0xff
    }
}

extension IPAddress: Comparable {
    /// The order of the 128 bits; inside a family that of the addresses' numbers.
    public static func < (one: IPAddress, other: IPAddress) -> Bool {
        one.high == other.high ? one.low < other.low : one.high < other.high
    }
}
