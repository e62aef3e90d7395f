import LinuxIO
import Model

/// One side of an association or of a forwarder's session: where its client's datagrams come from,
/// or where they go.
///
/// What a side receives it hands to its owner, and then has it flush the other side: payloads are
/// borrowed until then.
protocol AssociationSide: AnyObject {
    /// The address on our side.
    var local: Endpoint { get }
    /// The node that datagrams are sent to; nil where they go to their destinations or on a stream.
    var node: Endpoint? { get }
    /// Whether a node sends datagrams on, and looks up their names.
    var isTunnel: Bool { get }
    /// Begins to receive. A throw leaves the closing to the caller.
    func start(for owner: any SideOwner) throws(Errno)
    /// Takes a flow's datagram, to be sent with the next flush at the latest.
    func add(_ payload: UnsafeRawBufferPointer, flow: DatagramFlow)
    /// Sends what was taken. What the kernel does not take is dropped or kept, within a bound.
    func flush()
    /// A flow is about to be closed: what is kept of it is dropped, and counted so.
    func forget(_ flow: DatagramFlow)
    /// Drops what is kept, and closes. Once.
    func close()
}

/// What a side belongs to, and hands what it receives to.
protocol SideOwner: AnyObject {
    /// Takes a datagram of the client.
    func takeFromClient(_ datagram: Arrived, to destination: Destination)
    /// Takes a reply from an address.
    func takeFromFar(_ payload: UnsafeRawBufferPointer, source: Endpoint)
    /// Takes a reply whose sender a node calls by name.
    func takeFromFar(_ payload: UnsafeRawBufferPointer, named source: Destination)
    /// A datagram belongs to no flow.
    func countStray()
    /// Sends what a side has handed over.
    func flushAway(from side: any AssociationSide)
    /// A side cannot go on.
    func sideEnded(_ end: FlowEnd)
}

/// A datagram of the client as it came.
struct Arrived {
    let client: Endpoint
    let local: IPAddress
    let headerBytes: Int
    let payload: UnsafeRawBufferPointer
}
