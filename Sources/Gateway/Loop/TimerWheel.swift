/// Who hears that a deadline has passed.
package protocol TimerHandler: AnyObject {
    /// The timer set under `tag` is due; it is gone now. Called on the loop.
    func timerFired(tag: UInt8)
}

/// A handle to one armed timer; invalid once it fired or was cancelled.
package struct TimerToken: Hashable, Sendable {
    let index: Int32
    let generation: UInt32

    /// Stands for no timer.
    package static let none = TimerToken(index: -1, generation: 0)
}

/// Deadlines in a hierarchical timing wheel: arming and cancelling are O(1), and nothing runs while
/// nothing is due.
///
/// Six levels of 64 slots, each level 64 times as coarse. A timer lies on the level of the highest
/// six-bit group in which its tick differs from now; when the wheel reaches the slot's start the
/// timers in it move down a level, until they fire. A timer never fires early, and late by at most
/// one tick.
struct TimerWheel {
    /// Nanoseconds per tick: 2^22, about 4.2 ms.
    static let tickShift: UInt64 = 22
    private static let levels = 6
    /// How many ticks ahead a slot can be told from the present one.
    private static let reach: UInt64 = 63 << UInt64(6 * (levels - 1))

    private struct Entry {
        var handler: (any TimerHandler)?
        var due: UInt64
        var next: Int32
        var previous: Int32
        var generation: UInt32
        var bucket: UInt16
        var tag: UInt8
    }

    private var entries: [Entry] = []
    private var free: [Int32] = []
    private var heads = [Int32](repeating: -1, count: levels * 64)
    private var occupied = [UInt64](repeating: 0, count: levels)
    private var elapsed: UInt64

    init(nowNanoseconds: UInt64) {
        elapsed = nowNanoseconds >> Self.tickShift
    }

    /// How many timers are armed.
    var count: Int { entries.count - free.count }

    mutating func arm(
        atNanoseconds deadline: UInt64, _ handler: any TimerHandler, tag: UInt8
    ) -> TimerToken {
        let part: UInt64 = deadline & ((1 << Self.tickShift) - 1)
        let due = max(deadline >> Self.tickShift + (part == 0 ? 0 : 1), elapsed + 1)
        let index: Int32
        if let reused = free.popLast() {
            index = reused
            entries[Int(index)].handler = handler
            entries[Int(index)].due = due
            entries[Int(index)].tag = tag
        } else {
            index = Int32(entries.count)
            entries.append(
                Entry(
                    handler: handler, due: due, next: -1, previous: -1, generation: 1, bucket: 0,
                    tag: tag))
        }
        link(index)
        return TimerToken(index: index, generation: entries[Int(index)].generation)
    }

    /// Disarms a timer; one that fired already, or `none`, is no error.
    mutating func cancel(_ token: TimerToken) {
        let index = Int(token.index)
        guard index >= 0, index < entries.count, entries[index].generation == token.generation,
            entries[index].handler != nil
        else { return }
        unlink(token.index)
        release(token.index)
    }

    /// When the wheel wants to be turned next; at or before the next deadline.
    var nextNanoseconds: UInt64? {
        nextSlot().map { $0.due << Self.tickShift }
    }

    /// Takes one timer that is due, or nil. Call until nil.
    mutating func popDue(nowNanoseconds: UInt64) -> (any TimerHandler, UInt8)? {
        let now = nowNanoseconds >> Self.tickShift
        while let slot = nextSlot(), slot.due <= now {
            elapsed = max(elapsed, slot.due)
            if slot.bucket >= 64 {
                spread(slot.bucket)
                continue
            }
            let index = heads[slot.bucket]
            unlink(index)
            let entry = entries[Int(index)]
            release(index)
            guard let handler = entry.handler else {
                preconditionFailure("an armed timer has no handler")
            }
            return (handler, entry.tag)
        }
        elapsed = max(elapsed, now)
        return nil
    }

    /// Moves all timers of a slot that was reached to finer levels, before any of them fires: a
    /// level is looked at only when the finer ones are empty.
    private mutating func spread(_ bucket: Int) {
        var index = heads[bucket]
        heads[bucket] = -1
        occupied[bucket >> 6] &= ~(1 << UInt64(bucket & 63))
        while index >= 0 {
            let next = entries[Int(index)].next
            link(index)
            index = next
        }
    }

    private func nextSlot() -> (bucket: Int, due: UInt64)? {
        for level in 0..<Self.levels where occupied[level] != 0 {
            let shift = UInt64(6 * level)
            let here = Int(elapsed >> shift & 63)
            let rotated =
                occupied[level] >> UInt64(here) | occupied[level] << UInt64((64 - here) & 63)
            let slot = (rotated.trailingZeroBitCount + here) & 63
            let start = (elapsed >> (shift + 6)) << (shift + 6)
            var due = start + (UInt64(slot) << shift)
            if slot < here { due += 1 << (shift + 6) }
            return (level * 64 + slot, max(due, elapsed))
        }
        return nil
    }

    private mutating func link(_ index: Int32) {
        // Farther than the levels reach: the farthest slot, to be looked at again from there.
        let due = min(entries[Int(index)].due, elapsed + Self.reach)
        let differing = (due ^ elapsed) | 63
        let level = min((63 - differing.leadingZeroBitCount) / 6, Self.levels - 1)
        let bucket = level * 64 + Int(due >> UInt64(6 * level) & 63)
        let head = heads[bucket]
        entries[Int(index)].bucket = UInt16(bucket)
        entries[Int(index)].next = head
        entries[Int(index)].previous = -1
        if head >= 0 { entries[Int(head)].previous = index }
        heads[bucket] = index
        occupied[level] |= 1 << UInt64(bucket & 63)
    }

    private mutating func unlink(_ index: Int32) {
        let entry = entries[Int(index)]
        if entry.next >= 0 { entries[Int(entry.next)].previous = entry.previous }
        if entry.previous >= 0 {
            entries[Int(entry.previous)].next = entry.next
        } else {
            heads[Int(entry.bucket)] = entry.next
            if entry.next < 0 {
                occupied[Int(entry.bucket) >> 6] &= ~(1 << UInt64(entry.bucket & 63))
            }
        }
    }

    private mutating func release(_ index: Int32) {
        entries[Int(index)].handler = nil
        entries[Int(index)].generation &+= 1
        free.append(index)
    }
}
