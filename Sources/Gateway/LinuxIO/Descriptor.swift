/// A kernel object's number. It does not own: `IODriver.close` ends it, and its owner says when.
package struct Descriptor: Hashable, Sendable {
    /// The number; -1 stands for none.
    package let number: Int32

    package init(_ number: Int32) { self.number = number }

    /// Stands for no descriptor.
    package static let none = Descriptor(-1)
    /// Whether there is one.
    package var isOpen: Bool { number >= 0 }
}
