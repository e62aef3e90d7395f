package import LinuxIO
package import Loop
package import Model

/// Where datagrams of an association or of a forwarder's client leave from, made before either is.
package struct FarSide {
    /// The way through the nodes of a chain.
    package struct Way {
        /// Names of the nodes, outermost first.
        package let route: [String]
        /// Our end of the connection to the first one.
        package let local: Endpoint
        /// The first one.
        package let remote: Endpoint
    }

    let side: any AssociationSide
    /// Nil where datagrams go to their destinations.
    package let way: Way?

    /// A socket towards everybody.
    package static func direct(
        _ context: DatagramContext, by egress: Egress = .anywhere
    ) throws(Errno) -> FarSide {
        FarSide(
            side: try SocketSide(context, .everybody, at: Endpoint(.anyV6, 0), by: egress),
            way: nil)
    }

    /// A socket towards one destination.
    package static func direct(
        _ context: DatagramContext, to destination: Endpoint, by egress: Egress = .anywhere
    ) throws(Errno) -> FarSide {
        let unspecified: IPAddress = destination.address.isV4 ? .anyV4 : .anyV6
        return FarSide(
            side: try SocketSide(
                context, .everybody, at: Endpoint(unspecified, 0), by: egress), way: nil)
    }

    /// A node's UDP ASSOCIATE: datagrams to its relay, for as long as it keeps the stream on which
    /// it was asked for. A throw has closed the stream.
    package static func node(
        _ context: DatagramContext, relay: Endpoint, control stream: StreamSocket, route: [String],
        by egress: Egress = .anywhere
    ) throws(Errno) -> FarSide {
        do throws(Errno) {
            let way = Way(route: route, local: try stream.localEndpoint(), remote: stream.peer)
            // A relay takes datagrams from where the stream comes from (RFC 1928 §7).
            let isBeside = relay.address == stream.peer.address
            let unspecified: IPAddress = relay.address.isV4 ? .anyV4 : .anyV6
            let side = try SocketSide(
                context, .node(relay),
                at: Endpoint(isBeside ? way.local.address : unspecified, 0), by: egress)
            side.control = NodeControl(context.loop, stream.detach())
            return FarSide(side: side, way: way)
        } catch {
            stream.close()
            throw error
        }
    }

    /// A node's UDP over TCP: frames on the stream on which it was asked for. A throw has closed
    /// the stream.
    package static func frames(
        _ context: DatagramContext, on stream: StreamSocket, route: [String]
    ) throws(Errno) -> FarSide {
        do throws(Errno) {
            let way = Way(route: route, local: try stream.localEndpoint(), remote: stream.peer)
            let early = Array(stream.unread)
            return FarSide(
                side: FrameStream(
                    context, client: nil, local: way.local, stream: stream.detach(), early: early),
                way: way)
        } catch {
            stream.close()
            throw error
        }
    }

    /// The address on our side: the one that datagrams leave from, or that of the way's stream.
    package var local: Endpoint { side.local }

    /// Closes one that no association takes over.
    package func close() { side.close() }
}
