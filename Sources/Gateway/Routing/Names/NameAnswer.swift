package import Model

/// What a name led to.
package enum NameAnswer: Hashable, Sendable {
    /// To these addresses, at most `Limits.addressesPerName`, at least one.
    case addresses([IPAddress], lifetimeSeconds: UInt32)
    /// Nowhere: it does not exist, or has no address of the kinds asked for. It may be remembered
    /// for the lifetime, or not at all.
    case absent(lifetimeSeconds: UInt32?)
    /// Unknown: no server answered in time, or those that did could not or would not tell.
    case failed(NameFault)
}

/// Which addresses of a name are of use, and which are tried first.
package enum AddressFamilies: Hashable, Sendable, CaseIterable {
    /// Both, IPv4 first.
    case preferV4
    /// Both, IPv6 first.
    case preferV6
    /// IPv4 only.
    case onlyV4
    /// IPv6 only.
    case onlyV6

    /// Whether addresses of this family are of use.
    package func contains(_ address: IPAddress) -> Bool {
        switch self {
        case .preferV4, .preferV6: true
        case .onlyV4: address.isV4
        case .onlyV6: !address.isV4
        }
    }

    /// The order in which to dial: families take turns, so that one that leads nowhere costs one
    /// timeout and not all (RFC 8305 §4). Inside a family the given order stays.
    package func order(_ addresses: [IPAddress]) -> [IPAddress] {
        let useful = addresses.filter { contains($0) }
        let (four, six) = (useful.filter(\.isV4), useful.filter { !$0.isV4 })
        let (first, second) = self == .preferV6 || self == .onlyV6 ? (six, four) : (four, six)
        var ordered: [IPAddress] = []
        for index in 0..<max(first.count, second.count) {
            if index < first.count { ordered.append(first[index]) }
            if index < second.count { ordered.append(second[index]) }
        }
        return Array(ordered.prefix(Limits.addressesPerName))
    }
}
