/// What happens when, in the order of time and then of being planned: a binary heap.
struct Agenda {
    private struct Item {
        let time: UInt64
        let sequence: UInt64
        let action: () -> Void

        func comes(before other: Item) -> Bool {
            (time, sequence) < (other.time, other.sequence)
        }
    }

    private var items: [Item] = []
    private var sequence: UInt64 = 0

    /// When the first action is due.
    var nextTime: UInt64? { items.first?.time }

    mutating func plan(at time: UInt64, _ action: @escaping () -> Void) {
        sequence += 1
        items.append(Item(time: time, sequence: sequence, action: action))
        var child = items.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard items[child].comes(before: items[parent]) else { return }
            items.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the first action if it is due at `now`.
    mutating func popDue(at now: UInt64) -> (() -> Void)? {
        guard let first = items.first, first.time <= now else { return nil }
        items.swapAt(0, items.count - 1)
        items.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < items.count && items[child].comes(before: items[least]) {
                least = child
            }
            if least == parent { return first.action }
            items.swapAt(parent, least)
            parent = least
        }
    }
}
