package import Model

/// Where connections leave the machine.
package struct EgressOptions: Hashable, Sendable {
    /// One way out.
    package enum Place: Hashable, Sendable {
        /// An interface by its name.
        case device(String)
        /// An address of the machine.
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

        init(_ place: Place, isStrict: Bool) {
            self.place = place
            self.isStrict = isStrict
        }
    }

    /// Ways in the order to be tried; none leaves it to the kernel.
    package let choices: [Choice]
    /// What packets are marked with; 0 is nothing.
    package let mark: UInt32

    init(choices: [Choice], mark: UInt32) {
        self.choices = choices
        self.mark = mark
    }

    /// As the kernel has it.
    static let anywhere = EgressOptions(choices: [], mark: 0)
}
