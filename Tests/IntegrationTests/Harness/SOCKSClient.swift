/// What a SOCKS request names as its destination.
enum SOCKSTarget: CustomStringConvertible {
    case address(Address)
    case name(String, UInt16)
    /// ATYP, address and port as they are.
    case raw([UInt8])

    /// As it stands in a message (RFC 1928 §4).
    var bytes: [UInt8] {
        switch self {
        case .address(let address): address.socks5
        case .name(let name, let port):
            [3, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(port >> 8), UInt8(port & 255)]
        case .raw(let bytes): bytes
        }
    }

    var description: String {
        switch self {
        case .address(let address): address.description
        case .name(let name, let port): "\(name):\(port)"
        case .raw(let bytes): "\(bytes)"
        }
    }
}

/// A SOCKS5 reply (RFC 1928 §6).
struct SOCKSReply: Equatable {
    let code: UInt8
    let bound: Address
    /// Its length on the wire.
    let length: Int
}

/// Reply codes of RFC 1928 §6 by name.
enum ReplyCode {
    static let succeeded: UInt8 = 0
    static let notAllowed: UInt8 = 2
    static let networkUnreachable: UInt8 = 3
    static let hostUnreachable: UInt8 = 4
    static let refused: UInt8 = 5
    static let timeToLiveExpired: UInt8 = 6
    static let commandNotSupported: UInt8 = 7
    static let addressTypeNotSupported: UInt8 = 8
}

/// Commands of RFC 1928 §4 by name.
enum Command: UInt8 {
    case connect = 1
    case bind = 2
    case associate = 3
    /// gost's, not of the RFC.
    case udpOverTCP = 0xf3
}

/// A SOCKS5 client that says each message by itself, so that a test can say any of them wrong.
final class SOCKSClient {
    let socket: Socket
    /// Bytes of handshake messages so far, to compare with what is recorded as overhead.
    private(set) var handshakeSent = 0
    private(set) var handshakeReceived = 0

    /// A TCP connection to the gateway, nothing said yet.
    init(_ gateway: Address, from local: Address? = nil) throws {
        socket = try Socket.connect(to: gateway, from: local)
    }

    /// A connection with the login done, as `user` where given.
    convenience init(_ gateway: Address, user: String?) throws {
        try self.init(gateway)
        if let user {
            guard try greet([2]) == 2, try login(user, "pw-of-\(user)") == 0 else {
                throw HarnessFailure("\(user) was not let in")
            }
        } else {
            guard try greet([0]) == 0 else { throw HarnessFailure("nobody was not let in") }
        }
    }

    /// Offers methods; the method chosen.
    func greet(_ methods: [UInt8]) throws -> UInt8 {
        try say([5, UInt8(methods.count)] + methods)
        let answer = try hear(2)
        guard answer[0] == 5 else { throw HarnessFailure("method selection says \(answer)") }
        return answer[1]
    }

    /// Says name and password (RFC 1929 §2); the status.
    func login(_ user: String, _ password: String) throws -> UInt8 {
        let user = Array(user.utf8)
        let password = Array(password.utf8)
        try say([1, UInt8(user.count)] + user + [UInt8(password.count)] + password)
        let answer = try hear(2)
        guard answer[0] == 1 else { throw HarnessFailure("login answer says \(answer)") }
        return answer[1]
    }

    /// Asks and waits for the reply.
    func request(_ command: Command, _ target: SOCKSTarget) throws -> SOCKSReply {
        try say([5, command.rawValue, 0] + target.bytes)
        return try reply()
    }

    /// Asks for an address and waits for the reply.
    func request(_ command: Command, _ address: Address) throws -> SOCKSReply {
        try request(command, .address(address))
    }

    /// The next reply.
    func reply() throws -> SOCKSReply {
        let head = try hear(4)
        guard head[0] == 5, head[2] == 0 else { throw HarnessFailure("a reply begins \(head)") }
        let length: Int
        switch head[3] {
        case 1: length = 4
        case 4: length = 16
        default: throw HarnessFailure("a reply has address type \(head[3])")
        }
        let rest = try hear(length + 2)
        let port = UInt16(rest[length]) << 8 | UInt16(rest[length + 1])
        let bound = Address(bytes: rest[..<length], port: port)
        return SOCKSReply(code: head[1], bound: bound, length: 4 + length + 2)
    }

    private func say(_ bytes: [UInt8]) throws {
        try socket.send(bytes)
        handshakeSent += bytes.count
    }

    private func hear(_ count: Int) throws -> [UInt8] {
        let bytes = try socket.receive(exactly: count)
        handshakeReceived += count
        return bytes
    }
}

/// A UDP association seen from the client: its TCP connection and its UDP socket.
final class Association {
    let control: SOCKSClient
    let socket: Socket
    /// Where the client sends its datagrams.
    let relay: Address

    /// Associates from a new socket on `local`.
    init(_ gateway: Address, user: String? = nil, on local: Address = .anyLocal) throws {
        control = try SOCKSClient(gateway, user: user)
        socket = try Socket.datagram(on: local)
        let anyone = Address(gateway.isV6 ? "::" : "0.0.0.0", 0)
        let reply = try control.request(.associate, anyone)
        guard reply.code == 0 else { throw HarnessFailure("ASSOCIATE answered \(reply.code)") }
        relay = reply.bound
    }

    /// Sends one datagram with a well-formed header (RFC 1928 §7).
    func send(_ payload: [UInt8], to target: SOCKSTarget) throws {
        try socket.send([0, 0, 0] + target.bytes + payload, to: relay)
    }

    func send(_ payload: [UInt8], to address: Address) throws {
        try send(payload, to: .address(address))
    }

    /// The next datagram: who sent it and its payload.
    func receive(within seconds: Double = 5) throws -> (payload: [UInt8], from: Address) {
        let (bytes, sender) = try socket.receiveDatagram(within: seconds)
        guard sender == relay else { throw HarnessFailure("a datagram came from \(sender)") }
        guard bytes.count >= 10, bytes[..<3] == [0, 0, 0], [1, 4].contains(bytes[3]) else {
            throw HarnessFailure("a datagram begins \(bytes.prefix(12))")
        }
        let length = bytes[3] == 1 ? 4 : 16
        let port = UInt16(bytes[4 + length]) << 8 | UInt16(bytes[5 + length])
        let from = Address(bytes: bytes[4..<4 + length], port: port)
        return (Array(bytes[(6 + length)...]), from)
    }

    /// Sends and gives the payload that comes back.
    func exchange(_ payload: [UInt8], with address: Address) throws -> [UInt8] {
        try send(payload, to: address)
        return try receive().payload
    }

    /// Whether nothing comes for `seconds`.
    func isQuiet(for seconds: Double) -> Bool {
        do {
            _ = try socket.receiveDatagram(within: seconds)
            return false
        } catch { return true }
    }
}
