/// A range of addresses that share their first bits, such as `10.0.0.0/8`; a single address is a
/// range of one.
public struct IPPrefix: Hashable, Sendable, CustomStringConvertible {
    /// The first address of the range.
    public let address: IPAddress
    /// How many bits are shared, 0...32 for IPv4 and 0...128 for IPv6.
    public let length: Int

    /// The range around `address`; bits behind `length` are cleared. Nil if the family has fewer
    /// bits.
    public init?(_ address: IPAddress, length: Int) {
        let offset = address.isV4 ? 96 : 0
        guard (0...128 - offset).contains(length) else { return nil }
        let shared = offset + length
        let highMask = shared >= 64 ? UInt64.max : ~(UInt64.max >> UInt64(shared))
        let lowMask = shared <= 64 ? 0 : ~(UInt64.max >> UInt64(shared - 64))
        self.address = IPAddress(high: address.high & highMask, low: address.low & lowMask)
        self.length = length
    }

    /// Reads `192.0.2.0/24`, `2001:db8::/32` or a single address; nil for anything else.
    public init?(_ text: some StringProtocol) {
        guard let slash = text.firstIndex(of: "/") else {
            guard let address = IPAddress(text) else { return nil }
            self.init(address, length: address.isV4 ? 32 : 128)
            return
        }
        let digits = text[text.index(after: slash)...]
        guard let address = IPAddress(text[..<slash]), digits.count <= 3,
            digits.utf8.allSatisfy({ (48...57).contains($0) }), let length = Int(digits)
        else { return nil }
        self.init(address, length: length)
    }

    /// The last address of the range; `address` is the first.
    public var last: IPAddress {
        let shared = (address.isV4 ? 96 : 0) + length
        let high = shared >= 64 ? 0 : UInt64.max >> UInt64(shared)
        let low = shared <= 64 ? UInt64.max : UInt64.max >> UInt64(shared - 64)
        return IPAddress(high: address.high | high, low: address.low | low)
    }

    /// Whether `other` is in the range. An IPv4 range has no IPv6 addresses and the reverse.
    public func contains(_ other: IPAddress) -> Bool {
        guard other.isV4 == address.isV4 else { return false }
        return IPPrefix(other, length: length)?.address == address
    }

    /// `192.0.2.0/24`.
    public var description: String { "\(address)/\(length)" }
}
