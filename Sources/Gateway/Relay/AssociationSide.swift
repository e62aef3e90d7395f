import LinuxIO
import Model

/// One side of an association: where its client's datagrams come from, or where they go.
///
/// What a side receives it hands to its association, and then has the other side flush: payloads
/// are borrowed until then.
protocol AssociationSide: AnyObject {
    /// The address on our side.
    var local: Endpoint { get }
    /// Begins to receive. A throw leaves the closing to the caller.
    func start(for association: SOCKSAssociation) throws(Errno)
    /// Takes a flow's datagram, to be sent with the next flush at the latest.
    func add(_ payload: UnsafeRawBufferPointer, flow: DatagramFlow)
    /// Sends what was taken. What the kernel does not take is dropped or kept, within a bound.
    func flush()
    /// A flow is about to be closed: what is kept of it is dropped, and counted so.
    func forget(_ flow: DatagramFlow)
    /// Drops what is kept, and closes. Once.
    func close()
}
