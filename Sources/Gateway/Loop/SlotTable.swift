package import LinuxIO

/// A handle to a registered descriptor. It stays invalid once its slot was given to another, so a
/// late event for a closed descriptor whose number was reused finds nobody.
package struct Registration: Hashable, Sendable {
    let index: UInt32
    let generation: UInt32

    /// Stands for no registration.
    package static let none = Registration(index: .max, generation: 0)

    var token: UInt64 { UInt64(generation) << 32 | UInt64(index) }

    init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }

    init(token: UInt64) {
        index = UInt32(truncatingIfNeeded: token)
        generation = UInt32(truncatingIfNeeded: token >> 32)
    }
}

/// Who hears about a descriptor's readiness.
package protocol ReadinessHandler: AnyObject {
    /// The descriptor registered under `tag` has become ready. Called on the loop.
    func descriptorReady(_ readiness: Readiness, tag: UInt8)
}

/// Registered handlers by index and generation.
struct SlotTable {
    private struct Slot {
        var handler: (any ReadinessHandler)?
        var generation: UInt32
        var tag: UInt8
    }

    private var slots: [Slot] = []
    private var free: [UInt32] = []

    /// How many handlers are registered.
    var count: Int { slots.count - free.count }

    mutating func insert(_ handler: any ReadinessHandler, tag: UInt8) -> Registration {
        if let index = free.popLast() {
            slots[Int(index)].handler = handler
            slots[Int(index)].tag = tag
            return Registration(index: index, generation: slots[Int(index)].generation)
        }
        slots.append(Slot(handler: handler, generation: 1, tag: tag))
        return Registration(index: UInt32(slots.count - 1), generation: 1)
    }

    mutating func rebind(_ registration: Registration, to handler: any ReadinessHandler, tag: UInt8)
    {
        precondition(isLive(registration), "a released registration was rebound")
        slots[Int(registration.index)].handler = handler
        slots[Int(registration.index)].tag = tag
    }

    mutating func remove(_ registration: Registration) {
        precondition(isLive(registration), "a registration was released twice")
        let index = Int(registration.index)
        slots[index].handler = nil
        slots[index].generation &+= 1
        free.append(registration.index)
    }

    func handler(for registration: Registration) -> (any ReadinessHandler, UInt8)? {
        guard isLive(registration) else { return nil }
        let slot = slots[Int(registration.index)]
        return slot.handler.map { ($0, slot.tag) }
    }

    private func isLive(_ registration: Registration) -> Bool {
        let index = Int(registration.index)
        return index < slots.count && slots[index].generation == registration.generation
            && slots[index].handler != nil
    }
}
