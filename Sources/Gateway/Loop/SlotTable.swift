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
///
/// Slots lie in chunks that never move: growing costs the next chunk and no copy, and leaves no
/// holes of half the size in the heap, which every idle flow would pay for.
struct SlotTable: ~Copyable {
    private struct Slot {
        var handler: (any ReadinessHandler)?
        var generation: UInt32 = 1
        var tag: UInt8 = 0
    }

    private static let chunkShift = 8
    private static let slotsPerChunk = 1 << chunkShift

    private var chunks: [UnsafeMutablePointer<Slot>] = []
    private var used: UInt32 = 0
    private var free: [UInt32] = []

    deinit {
        for chunk in chunks {
            chunk.deinitialize(count: Self.slotsPerChunk)
            chunk.deallocate()
        }
    }

    /// How many handlers are registered.
    var count: Int { Int(used) - free.count }

    mutating func insert(_ handler: any ReadinessHandler, tag: UInt8) -> Registration {
        let index = free.popLast() ?? append()
        let slot = slot(index)
        slot.pointee.handler = handler
        slot.pointee.tag = tag
        return Registration(index: index, generation: slot.pointee.generation)
    }

    private mutating func append() -> UInt32 {
        if Int(used) == chunks.count * Self.slotsPerChunk {
            let chunk = UnsafeMutablePointer<Slot>.allocate(capacity: Self.slotsPerChunk)
            chunk.initialize(repeating: Slot(), count: Self.slotsPerChunk)
            chunks.append(chunk)
        }
        used += 1
        return used - 1
    }

    func rebind(_ registration: Registration, to handler: any ReadinessHandler, tag: UInt8) {
        guard let slot = live(registration) else {
            preconditionFailure("a released registration was rebound")
        }
        slot.pointee.handler = handler
        slot.pointee.tag = tag
    }

    mutating func remove(_ registration: Registration) {
        guard let slot = live(registration) else {
            preconditionFailure("a registration was released twice")
        }
        slot.pointee.handler = nil
        slot.pointee.generation &+= 1
        free.append(registration.index)
    }

    func handler(for registration: Registration) -> (any ReadinessHandler, UInt8)? {
        guard let slot = live(registration) else { return nil }
        return slot.pointee.handler.map { ($0, slot.pointee.tag) }
    }

    /// The slot of a registration that was not released.
    private func live(_ registration: Registration) -> UnsafeMutablePointer<Slot>? {
        guard registration.index < used else { return nil }
        let slot = slot(registration.index)
        let isLive =
            slot.pointee.generation == registration.generation && slot.pointee.handler != nil
        return isLive ? slot : nil
    }

    private func slot(_ index: UInt32) -> UnsafeMutablePointer<Slot> {
        chunks[Int(index) >> Self.chunkShift] + (Int(index) & (Self.slotsPerChunk - 1))
    }
}
