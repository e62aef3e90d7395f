/// A regular expression in the syntax that RE2 and others share: literals, `.`, classes, groups,
/// alternatives, `* + ? {n,m}` and the anchors `^ $`.
///
/// All ways through it are followed side by side, so a match takes time in proportion to the text
/// and to the pattern, whatever both are.
package struct Pattern: Sendable, Hashable {
    /// Why a text is no pattern.
    package struct Fault: Error, Hashable, Sendable {
        /// Characters before the place.
        package let offset: Int
        /// What is wrong there.
        package let message: String
    }

    /// One step of the compiled pattern.
    enum Step: Sendable, Hashable {
        /// Takes a character of the set.
        case take(CharacterSet)
        /// Goes on at both places.
        case fork(Int, Int)
        /// Goes on at a place.
        case jump(Int)
        /// Goes on at the text's start only.
        case start
        /// Goes on at the text's end only.
        case end
        /// The pattern occurs.
        case match
    }

    /// Characters by ranges.
    struct CharacterSet: Sendable, Hashable {
        var ranges: [ClosedRange<UInt32>]
        var isNegated = false

        func contains(_ scalar: UInt32) -> Bool {
            ranges.contains { $0.contains(scalar) } != isNegated
        }
    }

    /// Steps of one pattern, with counted repetitions written out.
    static let stepsMax = 4096

    private let steps: [Step]

    /// Reads a pattern. With `ignoringCase`, or `(?i)` before it, ASCII letters match in both
    /// cases.
    package init(_ text: String, ignoringCase: Bool = false) throws(Fault) {
        var parser = PatternParser(text, ignoringCase: ignoringCase)
        steps = try parser.parse()
    }

    /// Whether it occurs anywhere in a text.
    package func occurs(in text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        var current = Threads(count: steps.count)
        for position in 0...scalars.count {
            // A match may begin at every place.
            if add(0, to: &current, at: position, of: scalars.count) { return true }
            guard position < scalars.count else { return false }
            var next = Threads(count: steps.count)
            for index in current.list {
                guard case .take(let set) = steps[index], set.contains(scalars[position].value)
                else { continue }
                if add(index + 1, to: &next, at: position + 1, of: scalars.count) { return true }
            }
            current = next
        }
        return false
    }

    /// Places that are followed at one moment, each once.
    private struct Threads {
        var list: [Int] = []
        var isIn: [Bool]

        init(count: Int) { isIn = [Bool](repeating: false, count: count) }
    }

    /// Follows a place up to where characters are taken; true at a match.
    private func add(_ first: Int, to threads: inout Threads, at position: Int, of count: Int)
        -> Bool
    {
        var waiting = [first]
        while let index = waiting.popLast() {
            if threads.isIn[index] { continue }
            threads.isIn[index] = true
            switch steps[index] {
            case .take: threads.list.append(index)
            case .fork(let one, let other): waiting += [other, one]
            case .jump(let place): waiting.append(place)
            case .start where position == 0: waiting.append(index + 1)
            case .end where position == count: waiting.append(index + 1)
            case .start, .end: break
            case .match: return true
            }
        }
        return false
    }
}
