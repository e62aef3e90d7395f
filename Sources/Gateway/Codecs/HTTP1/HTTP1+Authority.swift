package import Model

extension HTTP1 {
    /// A host and perhaps a port, as in Host and in request targets (RFC 3986 §3.2).
    package struct Authority: Hashable, Sendable, CustomStringConvertible {
        /// The name or address.
        package let host: Destination.Host
        /// The port, where one is written.
        package let port: UInt16?

        package init(host: Destination.Host, port: UInt16?) {
            self.host = host
            self.port = port
        }

        /// The authority that the bytes are; nil for anything that must not be dialled: user names,
        /// IPv6 without brackets, ports outside 1...65535, names that are none.
        package init?(_ bytes: some BidirectionalCollection<UInt8>) {
            guard let (hostBytes, portBytes) = Self.parts(Array(bytes)),
                let host = hostBytes.withUnsafeBytes({ Destination.Host(text: $0.bytes) })
            else { return nil }
            self.host = host
            guard !portBytes.isEmpty else {
                port = nil
                return
            }
            guard let number = HTTP1.decimal(portBytes), let port = UInt16(exactly: number),
                port > 0
            else { return nil }
            self.port = port
        }

        /// The host without brackets, and the port's digits, which may be none.
        private static func parts(_ bytes: [UInt8]) -> ([UInt8], ArraySlice<UInt8>)? {
            let host: ArraySlice<UInt8>
            var rest: ArraySlice<UInt8>
            if bytes.first == UInt8(ascii: "[") {
                guard let end = bytes.firstIndex(of: UInt8(ascii: "]")),
                    bytes[..<end].contains(UInt8(ascii: ":"))
                else { return nil }
                host = bytes[1..<end]
                rest = bytes[(end + 1)...]
            } else {
                let end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
                host = bytes[..<end]
                rest = bytes[end...]
            }
            if let colon = rest.popFirst(), colon != UInt8(ascii: ":") { return nil }
            return (Array(host), rest)
        }

        /// Where it leads, with the port of its scheme where none is written.
        package func destination(defaultPort: UInt16) -> Destination {
            Destination(host: host, port: port ?? defaultPort)
        }

        /// As it is written in Host: IPv6 in brackets, the port where there is one.
        package var description: String {
            let text =
                switch host {
                case .name(let name): name
                case .address(let address): address.isV4 ? "\(address)" : "[\(address)]"
                }
            return port.map { "\(text):\($0)" } ?? text
        }
    }
}
