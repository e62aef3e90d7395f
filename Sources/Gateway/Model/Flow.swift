/// What a flow's payload travels in.
public enum TransportProtocol: UInt8, Sendable, Hashable, CaseIterable {
    /// A TCP connection.
    case tcp = 1
    /// Datagrams between one client endpoint and one destination.
    case udp = 2

    /// `tcp` or `udp`.
    public var name: String { self == .tcp ? "tcp" : "udp" }
}

/// Which way bytes go. Inside Weir there are no other names for it.
public enum Direction: UInt8, Sendable, Hashable, CaseIterable {
    /// Client → destination.
    case uplink = 0
    /// Destination → client.
    case downlink = 1

    /// The other one.
    public var opposite: Direction { self == .uplink ? .downlink : .uplink }
}

/// Cumulative counts of one flow since it opened. They only ever grow.
///
/// Bytes are layer-4 payload as delivered: counted once, after the write that moved them, from
/// the count the kernel returned. For TCP a packet is a read that was moved on, and may be 0.
public struct FlowCounts: Hashable, Sendable {
    /// Payload written to the destination.
    public var uplinkBytes: UInt64 = 0
    /// Datagrams written to the destination, zero-length ones included.
    public var uplinkPackets: UInt64 = 0
    /// Payload written to the client.
    public var downlinkBytes: UInt64 = 0
    /// Datagrams written to the client, zero-length ones included.
    public var downlinkPackets: UInt64 = 0
    /// Handshake and framing bytes received from the client; never part of the payload.
    public var overheadUplinkBytes: UInt64 = 0
    /// Handshake and framing bytes written to the client; never part of the payload.
    public var overheadDownlinkBytes: UInt64 = 0
    /// Datagrams that were received and not delivered: refused by the kernel, or over a bound.
    public var droppedPackets: UInt64 = 0

    /// All zero.
    public init() {}

    /// The larger of both, field by field.
    public func atLeast(_ other: FlowCounts) -> FlowCounts {
        var counts = self
        counts.uplinkBytes = max(uplinkBytes, other.uplinkBytes)
        counts.uplinkPackets = max(uplinkPackets, other.uplinkPackets)
        counts.downlinkBytes = max(downlinkBytes, other.downlinkBytes)
        counts.downlinkPackets = max(downlinkPackets, other.downlinkPackets)
        counts.overheadUplinkBytes = max(overheadUplinkBytes, other.overheadUplinkBytes)
        counts.overheadDownlinkBytes = max(overheadDownlinkBytes, other.overheadDownlinkBytes)
        counts.droppedPackets = max(droppedPackets, other.droppedPackets)
        return counts
    }

    /// What was added since `earlier`, field by field. Both must be of one flow, in order.
    public func since(_ earlier: FlowCounts) -> FlowCounts {
        var delta = FlowCounts()
        delta.uplinkBytes = uplinkBytes - earlier.uplinkBytes
        delta.uplinkPackets = uplinkPackets - earlier.uplinkPackets
        delta.downlinkBytes = downlinkBytes - earlier.downlinkBytes
        delta.downlinkPackets = downlinkPackets - earlier.downlinkPackets
        delta.overheadUplinkBytes = overheadUplinkBytes - earlier.overheadUplinkBytes
        delta.overheadDownlinkBytes = overheadDownlinkBytes - earlier.overheadDownlinkBytes
        delta.droppedPackets = droppedPackets - earlier.droppedPackets
        return delta
    }
}

/// How a flow ended: who, in which phase, and why. The one vocabulary of logs and records.
public struct FlowEnd: Hashable, Sendable {
    /// Whose doing it was; it decides the log level.
    public enum Party: UInt8, Sendable, CaseIterable {
        /// The client closed, reset or misbehaved.
        case client = 0
        /// The destination or a hop on the way.
        case upstream = 1
        /// This gateway: a limit, a policy, a plugin, a shutdown, a crash.
        case gateway = 2

        /// `client`, `upstream` or `gateway`.
        public var name: String {
            switch self {
            case .client: "client"
            case .upstream: "upstream"
            case .gateway: "gateway"
            }
        }
    }

    /// How far the flow had come.
    public enum Phase: UInt8, Sendable, CaseIterable {
        /// Before the destination was known.
        case handshake = 0
        /// While the destination was resolved and dialled.
        case connect = 1
        /// While payload moved.
        case relay = 2

        /// `handshake`, `connect` or `relay`.
        public var name: String {
            switch self {
            case .handshake: "handshake"
            case .connect: "connect"
            case .relay: "relay"
            }
        }
    }

    /// Why it ended. Stable names: they are stored and logged.
    public enum Cause: UInt8, Sendable, CaseIterable {
        /// Both directions reached their end in order.
        case finished = 0
        /// A reset was received.
        case reset = 1
        /// No byte moved for the idle time.
        case idle = 2
        /// A deadline passed.
        case timeout = 3
        /// Another socket error; the log line has it.
        case failed = 4
        /// The gateway drains or was told to stop.
        case shutdown = 5
        /// The process died; written by the next start.
        case crash = 6
        /// A plugin ruled that the flow ends.
        case ruled = 7
        /// The association's control connection ended.
        case controlClosed = 8
        /// A table was full and this was its least recently used entry.
        case evicted = 9
        /// Refused by address policy or admission.
        case denied = 10
        /// The peer broke the protocol.
        case malformed = 11
        /// A quota was used up.
        case quota = 12

        /// The stable name.
        public var name: String {
            switch self {
            case .finished: "finished"
            case .reset: "reset"
            case .idle: "idle"
            case .timeout: "timeout"
            case .failed: "failed"
            case .shutdown: "shutdown"
            case .crash: "crash"
            case .ruled: "ruled"
            case .controlClosed: "control-closed"
            case .evicted: "evicted"
            case .denied: "denied"
            case .malformed: "malformed"
            case .quota: "quota"
            }
        }
    }

    /// Whose doing it was.
    public let by: Party
    /// How far the flow had come.
    public let phase: Phase
    /// Why.
    public let cause: Cause

    /// An end from its parts.
    public init(by: Party, phase: Phase, cause: Cause) {
        self.by = by
        self.phase = phase
        self.cause = cause
    }
}
