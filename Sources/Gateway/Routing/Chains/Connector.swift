import Codecs
import Loop
import Model

/// What is spoken with a node, to have it connect to what is behind it.
package struct Connector: Sendable {
    /// The protocol.
    package enum Kind: Sendable {
        /// CONNECT of HTTP/1.1, with further fields.
        case http(fields: [Field])
        /// SOCKS5.
        case socks5
        /// Nothing: the node is the destination.
        case passThrough
    }

    /// One header field.
    package struct Field: Sendable {
        /// Its name, valid.
        package let name: String
        /// Its value, valid.
        package let value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Whom we are to a node.
    package struct Login: Sendable {
        /// The user, at most 255 bytes.
        package let username: String
        /// The password, at most 255 bytes.
        package let password: String

        package init(username: String, password: String) {
            self.username = username
            self.password = password
        }
    }

    /// The protocol.
    package let kind: Kind
    /// Whom we are; nil for nobody.
    package let login: Login?
    /// The time for the handshake; nil for what is left of the whole chain's.
    package let timeoutNanoseconds: UInt64?
    /// How a node of SOCKS5 is asked to carry datagrams.
    package let datagramForm: DatagramForm

    package init(
        _ kind: Kind, login: Login? = nil, timeoutNanoseconds: UInt64? = nil,
        datagramForm: DatagramForm = .any
    ) {
        self.datagramForm = datagramForm
        self.kind = kind
        self.login = login
        self.timeoutNanoseconds = timeoutNanoseconds
    }

    /// Has the node at the other end of `socket` connect to `destination`. Then the stream is the
    /// destination's, and what it said already is unread.
    func connect(
        to destination: Destination, over socket: StreamSocket, deadlineNanoseconds: UInt64
    ) async throws(ConnectorFault) {
        setDeadline(on: socket, deadlineNanoseconds)
        switch kind {
        case .http(let fields):
            try await connectHTTP(to: destination, over: socket, fields: fields)
        case .socks5:
            try await connectSOCKS(to: destination, over: socket)
        case .passThrough:
            break
        }
    }
}

extension Connector {
    /// The node's own time for its handshake, within what is left of the whole chain's.
    func setDeadline(on socket: StreamSocket, _ deadlineNanoseconds: UInt64) {
        let own = timeoutNanoseconds.map { socket.loop.nowNanoseconds + $0 }
        socket.setDeadline(nanoseconds: min(own ?? deadlineNanoseconds, deadlineNanoseconds))
    }

    /// Writes bytes of a handshake.
    static func write(_ bytes: [UInt8], to socket: StreamSocket) async throws(ConnectorFault) {
        do throws(StreamFault) {
            try await socket.write(bytes)
        } catch {
            throw ConnectorFault(error)
        }
    }

    /// Reads a message of a handshake. With `awaitsOutcome` the node works on the request.
    static func read<Value, Fault>(
        _ decode: (RawSpan) -> Decoded<Value, Fault>, from socket: StreamSocket,
        awaitsOutcome: Bool = false
    ) async throws(ConnectorFault) -> Value {
        let message: Message<Value, Fault>
        do throws(StreamFault) {
            message = try await socket.read(decode)
        } catch {
            throw awaitsOutcome ? ConnectorFault(awaitingAnswer: error) : ConnectorFault(error)
        }
        switch message {
        case .value(let value): return value
        case .fault(let fault): throw .node(.malformed("\(fault)"))
        }
    }
}

/// Why a node did not connect further.
enum ConnectorFault: Error {
    /// The node itself failed.
    case node(NodeFault)
    /// It says why what is behind it cannot be reached, or says nothing.
    case beyond(DialFault)

    /// What a failed read or write means while the node has not taken a request yet.
    init(_ fault: StreamFault) {
        switch fault {
        case .ended: self = .node(.ended)
        case .timedOut: self = .node(.timedOut)
        case .failed(let error): self = .node(.failed(error))
        case .cut: self = .beyond(.cut)
        }
    }

    /// What it means while the node works on a request: silence is what is behind it.
    init(awaitingAnswer fault: StreamFault) {
        self = fault == .timedOut ? .beyond(.timedOut) : Self(fault)
    }
}
