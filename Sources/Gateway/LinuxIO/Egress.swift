import Glibc
package import Model

/// How a socket's packets leave the machine.
package struct Egress: Hashable, Sendable {
    /// The interface that they leave through; nil leaves it to the kernel. At most 15 bytes.
    package let device: String?
    /// Their source address; nil leaves it to the kernel.
    package let source: IPAddress?
    /// What the kernel's routing and filter rules tell them by (`SO_MARK`); 0 is none.
    package let mark: UInt32

    package init(device: String? = nil, source: IPAddress? = nil, mark: UInt32 = 0) {
        precondition(device?.utf8.count ?? 1 <= Self.deviceBytesMax, "a device's name is too long")
        self.device = device
        self.source = source
        self.mark = mark
    }

    /// As the kernel has it.
    package static let anywhere = Egress()

    /// Whether all is left to the kernel.
    package var isAnywhere: Bool { self == .anywhere }

    /// Bytes of an interface's name (`IFNAMSIZ` less its end).
    package static let deviceBytesMax = 15
}

extension Errno {
    /// Whether a socket could not be made to leave as its `Egress` says, so that nothing was sent.
    package var isOfEgress: Bool {
        Self.egressCalls.contains { $0.description == call.description }
    }

    static let markCall: StaticString = "setsockopt(SO_MARK)"
    static let deviceCall: StaticString = "setsockopt(SO_BINDTODEVICE)"
    static let sourceCall: StaticString = "bind to the source address"

    private static let egressCalls = [markCall, deviceCall, sourceCall]

    /// Marks are not ours to set.
    package static let noMark = Errno(EPERM, in: markCall)
    /// The interface is not there.
    package static let noDevice = Errno(ENODEV, in: deviceCall)
    /// The address is none of the machine's.
    package static let noSource = Errno(EADDRNOTAVAIL, in: sourceCall)
}
