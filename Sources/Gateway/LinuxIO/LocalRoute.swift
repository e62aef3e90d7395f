import CLinux
package import Model

/// Whether addresses are this machine's own.
package enum LocalRoute {
    /// Whether the kernel keeps packets to an address on this machine: every interface's addresses
    /// at this moment, and whatever else is routed here. A few microseconds.
    ///
    /// Where the kernel cannot be asked every address counts as local: the caller guards something.
    package static func leads(to address: IPAddress) -> Bool {
        var shim = Endpoint(address, 0).shim
        return weir_is_routed_locally(&shim) != 0
    }
}
