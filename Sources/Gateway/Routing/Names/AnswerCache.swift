package import Model

/// Answers about names that are still good, at most so many of them.
///
/// When it is full, an answer that was not asked for since the last look gives way (second
/// chance): a flood of names that nobody asks twice cannot drive out those in use.
package struct AnswerCache: Sendable {
    /// What an answer is about.
    package struct Key: Hashable, Sendable {
        private let name: String
        private let families: AddressFamilies

        /// A key for a name in any capitals.
        package init(name: String, families: AddressFamilies) {
            self.name = name.lowercased()
            self.families = families
        }
    }

    /// How long answers are kept.
    package enum Lifetime: Hashable, Sendable {
        /// As long as the answer itself says.
        case ofAnswer
        /// So long, whatever answers say; absences still as they say.
        case fixed(seconds: UInt32)
        /// Not at all.
        case none
    }

    private struct Entry: Sendable {
        let key: Key
        let answer: NameAnswer
        let expiresNanoseconds: UInt64
        var isUsed: Bool
    }

    /// A day: servers that promise more are seldom right (RFC 8767 §5 allows a week).
    package static let lifetimeSecondsMax: UInt32 = 86_400
    /// An hour (RFC 2308 §5 finds one to three sensible).
    package static let absenceSecondsMax: UInt32 = 3600

    /// A day, as RFC 8767 §5 recommends at least.
    private static let staleNanosecondsMax: UInt64 = 86_400 * 1_000_000_000

    private let capacity: Int
    private let lifetime: Lifetime
    private var entries: [Entry] = []
    private var indices: [Key: Int] = [:]
    private var hand = 0

    /// An empty cache.
    package init(capacity: Int = Limits.cachedNames, lifetime: Lifetime = .ofAnswer) {
        precondition(capacity > 0, "a cache of no names is switched off by its lifetime")
        self.capacity = capacity
        self.lifetime = lifetime
    }

    /// How many answers are held, good or not.
    package var count: Int { entries.count }

    /// The answer, if it is still good.
    package mutating func answer(for key: Key, nowNanoseconds: UInt64) -> NameAnswer? {
        guard let index = indices[key], entries[index].expiresNanoseconds > nowNanoseconds
        else { return nil }
        entries[index].isUsed = true
        return entries[index].answer
    }

    /// Addresses that are no longer good, but were within the last day (RFC 8767 §5); an entry that
    /// gave way to others is gone.
    package mutating func staleAddresses(for key: Key, nowNanoseconds: UInt64) -> [IPAddress]? {
        guard let index = indices[key], case .addresses(let addresses, _) = entries[index].answer,
            nowNanoseconds < entries[index].expiresNanoseconds + Self.staleNanosecondsMax
        else { return nil }
        entries[index].isUsed = true
        return addresses
    }

    /// Keeps an answer for as long as it is good. Failures are not kept.
    package mutating func insert(_ answer: NameAnswer, for key: Key, nowNanoseconds: UInt64) {
        guard let seconds = lifetimeSeconds(of: answer), seconds > 0 else { return }
        let entry = Entry(
            key: key, answer: answer,
            expiresNanoseconds: nowNanoseconds + UInt64(seconds) * 1_000_000_000, isUsed: false)
        if let index = indices[key] {
            entries[index] = entry
        } else if entries.count < capacity {
            indices[key] = entries.count
            entries.append(entry)
        } else {
            let index = makeRoom(nowNanoseconds)
            indices[entries[index].key] = nil
            indices[key] = index
            entries[index] = entry
        }
    }

    /// Forgets everything, for a reload.
    package mutating func removeAll() {
        entries.removeAll()
        indices.removeAll()
        hand = 0
    }

    /// Goes round until it meets an answer that is no longer good or was not used since.
    private mutating func makeRoom(_ nowNanoseconds: UInt64) -> Int {
        while true {
            let index = hand
            hand = (hand + 1) % entries.count
            let isGood = entries[index].expiresNanoseconds > nowNanoseconds
            guard isGood, entries[index].isUsed else { return index }
            entries[index].isUsed = false
        }
    }

    private func lifetimeSeconds(of answer: NameAnswer) -> UInt32? {
        switch (answer, lifetime) {
        case (.failed, _), (_, .none):
            return nil
        case (.addresses, .fixed(let seconds)):
            return seconds
        case (.addresses(_, let seconds), .ofAnswer):
            return min(seconds, Self.lifetimeSecondsMax)
        case (.absent(let seconds), _):
            return seconds.map { min($0, Self.absenceSecondsMax) }
        }
    }
}
