extension HostPattern {
    /// Why a text is no pattern.
    public struct Fault: Error, Hashable, Sendable {
        /// What is wrong, to be written behind the text.
        public let reason: String
        /// What to write instead.
        public let hint: String?

        init(_ reason: String, hint: String? = nil) {
            self.reason = reason
            self.hint = hint
        }
    }

    /// The longest name of the domain name system, in bytes as text (RFC 1035 §3.1).
    private static let nameBytesMax = 253

    /// Reads `192.0.2.1`, `10.0.0.0/8`, `192.0.2.1-192.0.2.9`, `example.org`, `.example.org` (the
    /// domain and what is below it) or a glob such as `*.example.*`; behind any of them `:port` or
    /// `:low-high` may stand, and then IPv6 stands in brackets.
    public init(_ text: some StringProtocol) throws(Fault) {
        let (host, ports) = try Self.parts(of: text[...])
        self.init(try Self.hosts(host), ports: ports)
    }

    // MARK: Ports

    private static func parts<Text: StringProtocol>(
        of text: Text
    ) throws(Fault) -> (Substring, ClosedRange<UInt16>?) {
        let text = Substring(text)
        let bytes = text.utf8
        if bytes.first == UInt8(ascii: "[") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: "]")) else {
                throw Fault("has a bracket that is not closed")
            }
            let host = text[bytes.index(after: text.startIndex)..<end]
            let rest = text[bytes.index(after: end)...]
            if rest.isEmpty { return (host, nil) }
            guard rest.utf8.first == UInt8(ascii: ":") else {
                throw Fault("has something else than a port behind its bracket")
            }
            return (host, try ports(rest.dropFirst()))
        }
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
            bytes.lastIndex(of: UInt8(ascii: ":")) == colon
        else { return (text, nil) }
        return (text[..<colon], try ports(text[bytes.index(after: colon)...]))
    }

    private static func ports(_ text: Substring) throws(Fault) -> ClosedRange<UInt16> {
        let bounds = text.split(separator: "-", omittingEmptySubsequences: false)
        let ports = bounds.compactMap { Endpoint.port($0) }
        guard ports.count == bounds.count, (1...2).contains(ports.count), ports[0] > 0,
            let last = ports.last, ports[0] <= last
        else {
            throw Fault(
                "has no port or range of ports behind its colon", hint: "such as :443 or :80-90")
        }
        return ports[0]...last
    }

    // MARK: Hosts

    private static func hosts(_ text: Substring) throws(Fault) -> Hosts {
        if text.isEmpty { throw Fault("names no host") }
        if text.utf8.contains(UInt8(ascii: "/")) {
            guard let prefix = IPPrefix(text) else {
                throw Fault("is no range of addresses", hint: "such as 10.0.0.0/8 or 2001:db8::/32")
            }
            return .addresses(prefix.address, prefix.last)
        }
        if let address = IPAddress(text) { return .addresses(address, address) }
        if let range = try range(text) { return range }
        return try name(text)
    }

    /// A range of addresses; nil where no address stands before a dash, for names have dashes.
    private static func range(_ text: Substring) throws(Fault) -> Hosts? {
        guard let dash = text.utf8.firstIndex(of: UInt8(ascii: "-")),
            let first = IPAddress(text[..<dash])
        else { return nil }
        guard let last = IPAddress(text[text.utf8.index(after: dash)...]),
            first.isV4 == last.isV4, first <= last
        else {
            throw Fault(
                "is no range from a lower to a higher address",
                hint: "such as 192.0.2.1-192.0.2.9")
        }
        return .addresses(first, last)
    }

    private static func name(_ text: Substring) throws(Fault) -> Hosts {
        var name = text.lowercased()
        if name.utf8.last == UInt8(ascii: "."), name.utf8.count > 1 { name.removeLast() }
        for scalar in name.unicodeScalars where isForeign(scalar) {
            throw Fault(
                "has '\(scalar)' in it, which no name has",
                hint: "* stands for any characters, ? for one, a dot in front for all below")
        }
        guard name.utf8.count <= nameBytesMax else {
            throw Fault("is longer than any name: \(name.utf8.count) bytes")
        }
        if name.utf8.contains(where: { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }) {
            return .glob(name)
        }
        if name.utf8.contains(UInt8(ascii: ":")) { throw Fault("is no IPv6 address") }
        let isDomain = name.utf8.first == UInt8(ascii: ".")
        let labels = (isDomain ? name.dropFirst() : name[...])
            .split(separator: ".", omittingEmptySubsequences: false)
        guard labels.allSatisfy({ !$0.isEmpty }), let last = labels.last else {
            throw Fault("is no name: between two dots something stands")
        }
        if last.utf8.allSatisfy({ (48...57).contains($0) }) {
            throw Fault("is no IPv4 address, and no name ends with a number")
        }
        return isDomain ? .domain(String(name.dropFirst())) : .name(name)
    }

    private static func isForeign(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value <= 0x20 || (0x7f...0x9f).contains(scalar.value)
            || "[]{}()\\|^$+,;\"'<>@&=%!#".unicodeScalars.contains(scalar)
    }
}
