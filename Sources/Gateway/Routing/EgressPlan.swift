package import LinuxIO
package import Model

/// Where connections of a service or to a node leave the machine: interfaces and addresses that are
/// tried in order, and the mark that packets carry.
package struct EgressPlan: Hashable, Sendable {
    /// One way out.
    package enum Place: Hashable, Sendable {
        /// An interface.
        case device(String)
        /// An address of the machine, as packets' source.
        case address(IPAddress)
        /// The address that the client connected to.
        case ingress
    }

    /// A way out and what comes after it.
    package struct Choice: Hashable, Sendable {
        /// The way.
        package let place: Place
        /// Whether no other one is tried when it fails.
        package let isStrict: Bool

        package init(_ place: Place, isStrict: Bool = false) {
            self.place = place
            self.isStrict = isStrict
        }
    }

    /// Ways in the order to be tried; none leaves it to the kernel.
    package let choices: [Choice]
    /// The mark; 0 is none.
    package let mark: UInt32

    package init(_ choices: [Choice] = [], mark: UInt32 = 0) {
        self.choices = choices
        self.mark = mark
    }

    /// As the kernel has it.
    package static let anywhere = EgressPlan()

    /// Whether it needs to know where the client connected to.
    package var asksForIngress: Bool { choices.contains { $0.place == .ingress } }

    /// The ways towards an address, or where that is nil towards any, in the order to be tried, up
    /// to a strict one; `ingress` is what the client connected to, where that is known. An address
    /// of the other family is no way. None is a fault (`DialFault.noWayOut`).
    package func egresses(towards address: IPAddress?, ingress: IPAddress?) -> [Egress] {
        if choices.isEmpty { return [Egress(mark: mark)] }
        var egresses: [Egress] = []
        for choice in choices {
            let egress: Egress
            switch choice.place {
            case .device(let name):
                egress = Egress(device: name, mark: mark)
            case .address(let source):
                guard address == nil || source.isV4 == address?.isV4 else { continue }
                egress = Egress(source: source, mark: mark)
            case .ingress:
                guard let source = ingress, !source.isUnspecified,
                    address == nil || source.isV4 == address?.isV4
                else { continue }
                egress = Egress(source: source, mark: mark)
            }
            egresses.append(egress)
            if choice.isStrict { break }
        }
        return egresses
    }
}

extension Egress {
    /// As messages name it.
    var label: String {
        var parts: [String] = []
        if let device { parts.append("interface '\(device)'") }
        if let source { parts.append("source address \(source)") }
        if mark != 0 { parts.append("so_mark \(mark)") }
        return parts.joined(separator: ", ")
    }
}
