// The PROXY protocol §2.1: one line of ASCII, at most 107 bytes with its end
//
// PROXY TCP4 192.0.2.1 192.0.2.2 111 222\r\n       source and destination address, then ports
// PROXY TCP6 2001:db8::1 2001:db8::2 111 222\r\n
// PROXY UNKNOWN …\r\n                              whatever follows the word is left out

import Bytes
import Model

extension ProxyProtocol {
    /// The longest line, its end included.
    static let lineBytesMax = 107
    /// What every line begins with.
    static let word = Array("PROXY".utf8)

    static func decodeLine(_ bytes: RawSpan) -> Decoded<Header, Fault> {
        guard agree(bytes, word) else { return .fault(.absent) }
        var reader = ByteReader(bytes)
        guard let line = reader.read(upTo: UInt8(ascii: "\n")) else {
            if bytes.byteCount >= lineBytesMax { return .fault(.tooLong) }
            return .needs(moreBytes: max(1, minimumByteCount - bytes.byteCount))
        }
        guard reader.position <= lineBytesMax else { return .fault(.tooLong) }
        guard let header = header(line) else { return .fault(.malformedLine) }
        return .value(header, bytesConsumed: reader.position)
    }

    private static func header(_ line: RawSpan) -> Header? {
        let text = line.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        guard text.utf8.last == UInt8(ascii: "\r") else { return nil }
        // By its code units: as a character, CR may be one with what follows.
        let fields = text.utf8.dropLast().split(
            separator: UInt8(ascii: " "), omittingEmptySubsequences: false
        ).map { String($0) ?? "" }
        guard fields.count >= 2, fields[0] == "PROXY" else { return nil }
        if fields[1] == "UNKNOWN" { return .own }
        guard fields.count == 6, fields[1] == "TCP4" || fields[1] == "TCP6",
            let source = address(fields[2], fields[1]),
            let destination = address(fields[3], fields[1]),
            let from = port(fields[4]), let to = port(fields[5])
        else { return nil }
        return .relayed(
            source: Endpoint(source, from), destination: Endpoint(destination, to))
    }

    private static func address(_ text: String, _ family: String) -> IPAddress? {
        guard text.utf8.contains(UInt8(ascii: ":")) == (family == "TCP6") else { return nil }
        return IPAddress(text)
    }

    /// A number without a leading zero.
    private static func port(_ text: String) -> UInt16? {
        if text.utf8.count > 1, text.utf8.first == UInt8(ascii: "0") { return nil }
        return Endpoint.port(text)
    }
}

extension ProxyProtocol.Header {
    func encodeLine(into writer: inout ByteWriter) {
        switch self {
        case .own:
            writer.write("PROXY UNKNOWN\r\n")
        case .relayed(let source, let destination):
            let isV4 = source.address.isV4 && destination.address.isV4
            writer.write(isV4 ? "PROXY TCP4" : "PROXY TCP6")
            for address in [source.address, destination.address] {
                // Where the families differ, the IPv4 address is written as an IPv6 one.
                writer.write(address.isV4 && !isV4 ? " ::ffff:" : " ")
                writer.write(address.description)
            }
            writer.write(" \(source.port) \(destination.port)\r\n")
        }
    }
}
