/// An address and a port: where a socket is, or where a packet goes.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// The address.
    public let address: IPAddress
    /// The port in host order.
    public let port: UInt16

    /// An endpoint from its parts.
    public init(_ address: IPAddress, _ port: UInt16) {
        self.address = address
        self.port = port
    }

    /// Reads `192.0.2.1:80` or `[2001:db8::1]:80`; nil for anything else, names included.
    public init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Self.port(text[text.index(after: colon)...])
        else { return nil }
        var host = String(text[..<colon])
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = String(host.dropFirst().dropLast()) }
        guard let address = IPAddress(host), host.contains(":") == isBracketed
        else { return nil }
        self.init(address, port)
    }

    /// `ip:port`, IPv6 in brackets.
    public var description: String {
        guard address.isV4 else { return "[\(address)]:\(port)" }
        return String(unsafeUninitializedCapacity: 21) { buffer in
            let count = address.writeV4(to: buffer)
            buffer[count] = UInt8(ascii: ":")
            return count + 1 + UInt32(port).writeDecimal(to: buffer, at: count + 1)
        }
    }

    /// A decimal port 0...65535 without sign or spaces; nil for anything else.
    public static func port(_ text: some StringProtocol) -> UInt16? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return UInt16(text)
    }
}
