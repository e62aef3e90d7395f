package import LinuxIO
package import Model

/// Where an association's datagrams leave from, made before the association is.
package struct FarSide {
    let side: any AssociationSide

    /// A socket towards everybody.
    package static func direct(_ context: DatagramContext) throws(Errno) -> FarSide {
        FarSide(side: try SocketSide(context, .everybody, at: Endpoint(.anyV6, 0)))
    }

    /// The address on our side.
    package var local: Endpoint { side.local }

    /// Closes it, where no association has taken it.
    package func close() { side.close() }
}
