package import LinuxIO
package import Model

/// A call that a test expects the code under it to make, with its arguments.
package enum ScriptedCall: Equatable, Sendable, CustomStringConvertible {
    /// `listen(at:)`.
    case listen(Endpoint)
    /// `listen(atPath:)`.
    case listenAtPath(String)
    /// `accept`.
    case accept(Descriptor)
    /// `connect`.
    case connect(Endpoint)
    /// `socketError`.
    case socketError(Descriptor)
    /// `localEndpoint`.
    case localEndpoint(Descriptor)
    /// `receive`.
    case receive(Descriptor)
    /// `send` of exactly these bytes.
    case send(Descriptor, [UInt8])
    /// `shutdownSending`.
    case shutdownSending(Descriptor)
    /// `resetOnClose`.
    case resetOnClose(Descriptor)
    /// `close`.
    case close(Descriptor)
    /// `makePipe`.
    case makePipe
    /// `splice`, whatever the count asked for.
    case splice(from: Descriptor, to: Descriptor)
    /// `bindDatagrams`.
    case bindDatagrams(Endpoint)
    /// `receiveDatagrams`.
    case receiveDatagrams(Descriptor)
    /// `sendDatagrams` of exactly these messages, from the first one not yet sent.
    case sendDatagrams(Descriptor, [ScriptedDatagram])
    /// `watch`; only refusals are scripted.
    case watch(Descriptor)

    /// The call as one would write it.
    package var description: String {
        switch self {
        case .listen(let endpoint): "listen(\(endpoint))"
        case .listenAtPath(let path): "listen(\(path))"
        case .accept(let descriptor): "accept(\(descriptor.number))"
        case .connect(let endpoint): "connect(\(endpoint))"
        case .socketError(let descriptor): "socketError(\(descriptor.number))"
        case .localEndpoint(let descriptor): "localEndpoint(\(descriptor.number))"
        case .receive(let descriptor): "receive(\(descriptor.number))"
        case .send(let descriptor, let bytes):
            "send(\(descriptor.number), \(Self.describe(bytes)))"
        case .shutdownSending(let descriptor): "shutdownSending(\(descriptor.number))"
        case .resetOnClose(let descriptor): "resetOnClose(\(descriptor.number))"
        case .close(let descriptor): "close(\(descriptor.number))"
        case .makePipe: "makePipe"
        case .splice(let source, let sink): "splice(\(source.number) to \(sink.number))"
        case .bindDatagrams(let endpoint): "bindDatagrams(\(endpoint))"
        case .receiveDatagrams(let descriptor): "receiveDatagrams(\(descriptor.number))"
        case .sendDatagrams(let descriptor, let messages):
            "sendDatagrams(\(descriptor.number), \(messages.map(\.description)))"
        case .watch(let descriptor): "watch(\(descriptor.number))"
        }
    }

    static func describe(_ bytes: [UInt8]) -> String {
        let shown = bytes.prefix(32).map { byte in
            byte < 16 ? "0" + String(byte, radix: 16) : String(byte, radix: 16)
        }
        let rest = bytes.count > 32 ? " … \(bytes.count) bytes" : ""
        return "[" + shown.joined(separator: " ") + rest + "]"
    }
}

/// A message with its addresses, as scripts write it.
package struct ScriptedDatagram: Equatable, Sendable, CustomStringConvertible {
    /// The other side: who sent it, or where it goes.
    package var remote: Endpoint
    /// Our side; unspecified where it does not matter.
    package var local: IPAddress
    /// All its bytes, whatever the ranges.
    package var bytes: [UInt8]
    /// The size of each datagram of a train; 0 for a single datagram.
    package var segmentBytes: Int

    package init(
        _ remote: Endpoint, local: IPAddress = .anyV6, _ bytes: [UInt8], segmentBytes: Int = 0
    ) {
        self.remote = remote
        self.local = local
        self.bytes = bytes
        self.segmentBytes = segmentBytes
    }

    /// Addresses, segment size and bytes in one line.
    package var description: String {
        let train = segmentBytes > 0 ? " by \(segmentBytes)" : ""
        return "\(remote) via \(local)\(train) \(ScriptedCall.describe(bytes))"
    }
}

/// What the kernel answers to an expected call.
package enum ScriptedAnswer: Sendable {
    /// Nothing to say: calls without result, and success of `watch`.
    case done
    /// A new descriptor.
    case descriptor(Descriptor)
    /// What `accept` says.
    case accepted(Accepted)
    /// That many bytes moved; for `send` and `splice`, and with 0 the end for `receive`.
    case moved(Int)
    /// These bytes are received.
    case bytes([UInt8])
    /// These messages are received.
    case messages([ScriptedDatagram])
    /// Nothing now.
    case wouldBlock
    /// The call fails.
    case failed(Int32)
    /// An address.
    case endpoint(Endpoint)
    /// A pipe.
    case pipe(Pipe)
}
