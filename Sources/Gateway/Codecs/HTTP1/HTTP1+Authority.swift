import Bytes
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
            guard let (hostBytes, portBytes) = Self.parts(bytes[...]) else { return nil }
            let read: Destination.Host?? = hostBytes.withContiguousStorageIfAvailable {
                Destination.Host(text: UnsafeRawBufferPointer($0).bytes)
            }
            guard let host = read ?? Self.copied(hostBytes) else { return nil }
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
        private static func parts<Bytes: BidirectionalCollection<UInt8>>(
            _ bytes: Bytes
        ) -> (Bytes.SubSequence, Bytes.SubSequence)? {
            let host: Bytes.SubSequence
            var rest: Bytes.SubSequence
            if bytes.first == UInt8(ascii: "[") {
                guard let end = bytes.firstIndex(of: UInt8(ascii: "]")),
                    bytes[..<end].contains(UInt8(ascii: ":"))
                else { return nil }
                host = bytes[bytes.index(after: bytes.startIndex)..<end]
                rest = bytes[bytes.index(after: end)...]
            } else {
                let end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
                host = bytes[..<end]
                rest = bytes[end...]
            }
            if let colon = rest.popFirst(), colon != UInt8(ascii: ":") { return nil }
            return (host, rest)
        }

        private static func copied(_ bytes: some Collection<UInt8>) -> Destination.Host? {
            Array(bytes).withUnsafeBytes { Destination.Host(text: $0.bytes) }
        }

        /// Writes it as it is written in Host.
        package func encode(into output: inout [UInt8]) {
            switch host {
            case .name(let name): output.append(text: name)
            case .address(let address):
                output.append(text: address.isV4 ? address.description : "[\(address)]")
            }
            guard let port else { return }
            output.append(UInt8(ascii: ":"))
            output.append(text: String(port))
        }

        /// Where it leads, with the port of its scheme where none is written.
        package func destination(defaultPort: UInt16) -> Destination {
            Destination(host: host, port: port ?? defaultPort)
        }

        /// As it is written in Host: IPv6 in brackets, the port where there is one.
        package var description: String {
            var text: [UInt8] = []
            encode(into: &text)
            return String(decoding: text, as: UTF8.self)
        }
    }
}
