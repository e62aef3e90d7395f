package import Model

/// Which addresses may be dialled, asked after resolution and before every attempt, so that no
/// name, redirect or second answer leads around it.
package struct DestinationPolicy: Sendable {
    /// Why an address is not dialled. Stable names: they are logged.
    package enum Refusal: String, Hashable, Sendable, CaseIterable {
        /// Port 0 is nobody's.
        case portZero = "port-zero"
        /// 0.0.0.0/8 and `::`: the kernel takes some of them for this machine.
        case unspecified
        /// A group or the limited broadcast address.
        case multicastOrBroadcast = "multicast-or-broadcast"
        /// One of this gateway's own listeners: a loop, or a way to its API.
        case ownListener = "own-listener"
        /// A cloud's metadata service, which hands out the machine's credentials.
        case metadata
        /// An address that is only meant for the neighbours on a link.
        case linkLocal = "link-local"
        /// This machine, asked for by a client elsewhere.
        case loopback
        /// A private range, where the service denies them.
        case privateRange = "private-range"
    }

    /// What a service says about private ranges.
    package enum PrivateDestinations: Hashable, Sendable {
        /// They may be dialled.
        case allow
        /// They may not.
        case deny
    }

    private let ownListeners: Set<Endpoint>
    private let wildcardPorts: Set<UInt16>
    private let isOwnAddress: @Sendable (IPAddress) -> Bool
    private let privateDestinations: PrivateDestinations

    /// A policy for a service.
    ///
    /// - Parameters:
    ///   - ownListeners: every endpoint that the gateway listens on, TCP and UDP, the API's and
    ///     the metrics' included. An unspecified address means all of the machine's.
    ///   - isOwnAddress: whether an address is the machine's at this moment; loopback always is.
    ///     Asked only where an unspecified address decides.
    ///   - privateDestinations: what the service says.
    package init(
        ownListeners: [Endpoint],
        isOwnAddress: @escaping @Sendable (IPAddress) -> Bool,
        privateDestinations: PrivateDestinations
    ) {
        self.ownListeners = Set(ownListeners)
        wildcardPorts = Set(ownListeners.lazy.filter(\.address.isUnspecified).map(\.port))
        self.isOwnAddress = isOwnAddress
        self.privateDestinations = privateDestinations
    }

    /// Why `destination` may not be dialled for `client`; nil where it may.
    package func refusal(of destination: Endpoint, for client: IPAddress) -> Refusal? {
        if destination.port == 0 { return .portZero }
        let address = destination.address
        // What a translator or a tunnel makes of the address counts as well.
        if let inner = address.embeddedV4,
            let refusal = refusal(of: Endpoint(inner, destination.port), for: client)
        {
            return refusal
        }
        if address.isUnspecified || address.isV4 && address.v4Bits >> 24 == 0 {
            return .unspecified
        }
        if address.isMulticastOrBroadcast { return .multicastOrBroadcast }
        if isOwnListener(destination) { return .ownListener }
        if address.isMetadataService { return .metadata }
        if address.isLinkLocal { return .linkLocal }
        if address.isLoopback && !client.isLoopback { return .loopback }
        guard privateDestinations == .deny else { return nil }
        return address.isPrivate || address.isReserved ? .privateRange : nil
    }

    /// Why `destination` may not be asked of the far end of a chain; nil where it may.
    ///
    /// Loopback, private ranges and links mean others there, and belong to the far end's own rules.
    /// What nobody asks for in good faith is refused here as well: no address, groups, a cloud's
    /// credentials; and so is a way back to this gateway.
    package func refusal(beyondChain destination: Endpoint) -> Refusal? {
        if destination.port == 0 { return .portZero }
        let address = destination.address
        if let inner = address.embeddedV4,
            let refusal = refusal(beyondChain: Endpoint(inner, destination.port))
        {
            return refusal
        }
        if address.isUnspecified || address.isV4 && address.v4Bits >> 24 == 0 {
            return .unspecified
        }
        if address.isMulticastOrBroadcast { return .multicastOrBroadcast }
        if address.isMetadataService { return .metadata }
        return !address.isLoopback && isOwnListener(destination) ? .ownListener : nil
    }

    private func isOwnListener(_ destination: Endpoint) -> Bool {
        if ownListeners.contains(destination) { return true }
        guard wildcardPorts.contains(destination.port) else { return false }
        let address = destination.address
        return address.isLoopback || isOwnAddress(address)
    }
}

extension IPAddress {
    /// The IPv4 address inside one of NAT64's (64:ff9b::/96, RFC 6052), 6to4's (2002::/16,
    /// RFC 3056) or the IPv4-compatible ones (::/96, RFC 4291 §2.5.5.1); else nil.
    fileprivate var embeddedV4: IPAddress? {
        guard !isV4 else { return nil }
        if high == 0x0064_ff9b_0000_0000 && low >> 32 == 0 { return IPAddress(v4: v4Bits) }
        if high >> 48 == 0x2002 {
            return IPAddress(v4: UInt32(truncatingIfNeeded: high >> 16))
        }
        let isCompatible = high == 0 && low >> 32 == 0 && !isUnspecified && !isLoopback
        return isCompatible ? IPAddress(v4: v4Bits) : nil
    }

    /// Where clouds hand out credentials to whoever asks from inside: the address most of them
    /// use, Amazon's fd00:ec2::/32, Google's fd20:ce::254, Alibaba's, Oracle's and Azure's own.
    fileprivate var isMetadataService: Bool {
        if isV4 {
            let known: [UInt32] = [0xa9fe_a9fe, 0x6464_64c8, 0xc000_00c0, 0xa83f_8110]
            return known.contains(v4Bits)
        }
        return high >> 32 == 0xfd00_0ec2
            || high == 0xfd20_00ce_0000_0000 && low == 0x254
    }

    /// Ranges that are no Internet addresses although they are not called private: 192.0.0.0/24
    /// (RFC 6890), 198.18.0.0/15 (RFC 2544), 240.0.0.0/4, fec0::/10 and the local NAT64 prefix
    /// 64:ff9b:1::/48 (RFC 8215).
    fileprivate var isReserved: Bool {
        guard isV4 else { return high >> 54 == 0x3fb || high >> 16 == 0x0064_ff9b_0001 }
        return v4Bits >> 8 == 0xc0_0000 || v4Bits >> 17 == 0x6309 || v4Bits >> 28 == 0xf
    }
}
