package import Model

extension HTTP1 {
    /// What a request is about, in one of the four forms (RFC 9112 §3.2).
    package enum Target: Hashable, Sendable {
        /// A path with its query: begins with `/`.
        case origin([UInt8])
        /// A whole address, as clients send it to proxies.
        case absolute(AbsoluteTarget)
        /// Where a tunnel leads: CONNECT only.
        case authority(Destination)
        /// The server as a whole: OPTIONS only.
        case asterisk
        /// None at all: CONNECT only, as gost asks for datagrams to many destinations. Everywhere
        /// else it is an error, and whoever reads a head must say so.
        case missing

        /// The target that the bytes are for a method; nil where they are none.
        package init?(_ bytes: some BidirectionalCollection<UInt8>, method: Method) {
            guard let first = bytes.first else {
                guard method == .connect else { return nil }
                self = .missing
                return
            }
            guard bytes.allSatisfy(HTTP1.isTargetByte) else { return nil }
            if method == .connect {
                guard let authority = Authority(bytes), let port = authority.port
                else { return nil }
                self = .authority(Destination(host: authority.host, port: port))
            } else if first == UInt8(ascii: "/") {
                self = .origin(Array(bytes))
            } else if bytes.count == 1, first == UInt8(ascii: "*") {
                guard method == .options else { return nil }
                self = .asterisk
            } else {
                guard let absolute = AbsoluteTarget(Array(bytes)) else { return nil }
                self = .absolute(absolute)
            }
        }

        /// Writes it as it stands in a first line.
        package func encode(into output: inout [UInt8]) {
            switch self {
            case .origin(let path):
                output.append(contentsOf: path)
            case .absolute(let target):
                output.append(contentsOf: target.scheme.utf8)
                output.append(contentsOf: "://".utf8)
                target.authority.encode(into: &output)
                output.append(contentsOf: target.path)
            case .authority(let destination):
                output.append(contentsOf: destination.description.utf8)
            case .asterisk:
                output.append(UInt8(ascii: "*"))
            case .missing:
                break
            }
        }
    }

    /// A target in absolute form: `http://host:port/path?query`.
    package struct AbsoluteTarget: Hashable, Sendable {
        /// The scheme in lower case. Which ones are served is policy.
        package let scheme: String
        /// Where it leads, as written.
        package let authority: Authority
        /// Path and query as written: empty, or from `/` or `?` on.
        package let path: [UInt8]

        package init(scheme: String, authority: Authority, path: [UInt8]) {
            self.scheme = scheme
            self.authority = authority
            self.path = path
        }

        /// Reads it; nil without a scheme, with a user name, or with a host that is none.
        init?(_ bytes: [UInt8]) {
            guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), (1...16).contains(colon),
                bytes[..<colon].allSatisfy({ HTTP1.isDigit($0) || HTTP1.isLetter($0) }),
                HTTP1.isLetter(bytes[0]), bytes[colon...].starts(with: "://".utf8)
            else { return nil }
            let rest = bytes[(colon + 3)...]
            let end =
                rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
                ?? rest.endIndex
            guard let authority = Authority(rest[..<end]) else { return nil }
            scheme =
                HTTP1.isSame(bytes[..<colon], "http")
                ? "http" : String(decoding: bytes[..<colon].map(HTTP1.lowercased), as: UTF8.self)
            self.authority = authority
            path = Array(rest[end...])
        }

        /// The destination; port 443 for https and wss, 80 for any other scheme, unless written.
        package var destination: Destination {
            authority.destination(defaultPort: scheme == "https" || scheme == "wss" ? 443 : 80)
        }

        /// The form in which the origin itself is asked (RFC 9112 §3.2.1, §3.2.4).
        package func forOrigin(_ method: Method) -> Target {
            if path.isEmpty { return method == .options ? .asterisk : .origin([UInt8(ascii: "/")]) }
            return .origin(path[0] == UInt8(ascii: "/") ? path : [UInt8(ascii: "/")] + path)
        }
    }

    static func isLetter(_ byte: UInt8) -> Bool { (97...122).contains(byte | 0x20) }

    /// Visible ASCII, and bytes above it, which clients do send; never a fragment.
    static func isTargetByte(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != 0x7f && byte != UInt8(ascii: "#")
    }
}
