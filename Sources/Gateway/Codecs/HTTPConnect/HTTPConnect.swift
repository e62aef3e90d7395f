// RFC 9110 §9.3.6, as a client of an HTTP proxy has it
//
// CONNECT host:port HTTP/1.1 CRLF  field lines  CRLF        the request
// HTTP/1.x SP code …          CRLF  field lines  CRLF        the answer; behind it is the tunnel

import Bytes
package import Model

/// A tunnel through an HTTP proxy, messages only, as its client.
package enum HTTPConnect {
    /// The longest status line of an answer.
    package static let statusLineBytesMax = 1024

    /// The request for a tunnel; without a destination it is as gost asks for datagrams to any.
    /// `fields` are written as they are: names and values must be valid.
    package static func request(
        to destination: Destination?, login: (username: String, password: String)?,
        fields: [(name: String, value: String)]
    ) -> [UInt8] {
        let authority = destination?.description ?? ""
        var text = "CONNECT \(authority) HTTP/1.1\r\nHost: \(authority)\r\n"
        if let login {
            let pair = Base64.encode(Array("\(login.username):\(login.password)".utf8))
            let padding = String(repeating: "=", count: (4 - pair.utf8.count % 4) % 4)
            text += "Proxy-Authorization: Basic \(pair)\(padding)\r\n"
        }
        for field in fields { text += "\(field.name): \(field.value)\r\n" }
        return Array((text + "Proxy-Connection: keep-alive\r\n\r\n").utf8)
    }

    /// Why bytes are no answer to a request for a tunnel.
    package enum AnswerFault: Hashable, Sendable {
        /// They do not begin like HTTP/1.0 or 1.1.
        case notHTTP
        /// There is no code from 100 to 599 behind the version.
        case noStatus
        /// The status line does not end.
        case tooLong
    }

    /// The first line of an answer: its code, from 100 to 599. A line may end with LF alone.
    package static func decodeStatus(_ bytes: RawSpan) -> Decoded<Int, AnswerFault> {
        var reader = ByteReader(bytes)
        for expected in "HTTP/1.".utf8 {
            guard let byte = reader.readUInt8() else { return .needs(moreBytes: 1) }
            guard byte == expected else { return .fault(.notHTTP) }
        }
        guard let minor = reader.readUInt8(), let space = reader.readUInt8() else {
            return .needs(moreBytes: 1)
        }
        guard minor == UInt8(ascii: "0") || minor == UInt8(ascii: "1"), space == 0x20 else {
            return .fault(.notHTTP)
        }
        var code = 0
        for _ in 0..<3 {
            guard let digit = reader.readUInt8() else { return .needs(moreBytes: 1) }
            guard (48...57).contains(digit) else { return .fault(.noStatus) }
            code = code * 10 + Int(digit - 48)
        }
        guard (100...599).contains(code) else { return .fault(.noStatus) }
        guard let rest = reader.read(upTo: 0x0a) else {
            return bytes.byteCount < statusLineBytesMax
                ? .needs(moreBytes: 1) : .fault(.tooLong)
        }
        // Behind the code is nothing, or a space and words.
        let end = rest.byteCount > 0 ? rest.unsafeLoad(fromByteOffset: 0, as: UInt8.self) : 0x0d
        guard end == 0x20 || end == 0x0d && rest.byteCount <= 1 else { return .fault(.noStatus) }
        guard reader.position <= statusLineBytesMax else { return .fault(.tooLong) }
        return .value(code, bytesConsumed: reader.position)
    }

    /// Finds the end of the field lines, however long they are; what they say does not matter.
    package struct FieldSkipper {
        private var lineBytes = 0
        private var lastIsReturn = false

        package init() {}

        /// Goes through bytes behind those of earlier calls; the result says how many belong to the
        /// fields, and whether the empty line that ends them was among these.
        package mutating func skip(_ bytes: RawSpan) -> (consumed: Int, isDone: Bool) {
            for offset in 0..<bytes.byteCount {
                let byte = bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
                if byte == 0x0a {
                    if lineBytes == 0 || lineBytes == 1 && lastIsReturn {
                        return (offset + 1, true)
                    }
                    lineBytes = 0
                } else {
                    lineBytes = min(lineBytes + 1, 2)
                }
                lastIsReturn = byte == 0x0d
            }
            return (bytes.byteCount, false)
        }
    }
}
