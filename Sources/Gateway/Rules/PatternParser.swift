/// Compiles a pattern to steps.
struct PatternParser {
    private typealias Step = Pattern.Step
    private typealias CharacterSet = Pattern.CharacterSet

    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    private var ignoresCase: Bool

    private static let (depthMax, repeatMax) = (64, 1000)
    private static let digit: [ClosedRange<UInt32>] = [0x30...0x39]
    private static let word: [ClosedRange<UInt32>] = [
        0x30...0x39, 0x41...0x5a, 0x5f...0x5f, 0x61...0x7a,
    ]
    private static let space: [ClosedRange<UInt32>] = [9...10, 12...13, 32...32]

    init(_ text: String, ignoringCase: Bool) {
        scalars = Array(text.unicodeScalars)
        ignoresCase = ignoringCase
    }

    mutating func parse() throws(Pattern.Fault) -> [Pattern.Step] {
        if scalars.starts(with: "(?i)".unicodeScalars) {
            ignoresCase = true
            position = 4
        }
        let steps = try alternatives()
        guard position == scalars.count else { throw fault("')' without '('") }
        return steps + [.match]
    }

    private func fault(_ message: String) -> Pattern.Fault {
        Pattern.Fault(offset: position, message: message)
    }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        position += 1
        return true
    }

    private mutating func alternatives() throws(Pattern.Fault) -> [Pattern.Step] {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else { throw fault("groups are nested too deeply") }
        var steps = try sequence()
        while take("|") {
            let other = try sequence()
            steps =
                [.fork(1, steps.count + 2)] + Self.moved(steps, by: 1)
                + [.jump(steps.count + other.count + 2)]
                + Self.moved(other, by: steps.count + 2)
            try check(steps)
        }
        return steps
    }

    private mutating func sequence() throws(Pattern.Fault) -> [Pattern.Step] {
        var steps: [Pattern.Step] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            let piece = try repeated(try atom())
            steps += Self.moved(piece, by: steps.count)
            try check(steps)
        }
        return steps
    }

    private func check(_ steps: [Pattern.Step]) throws(Pattern.Fault) {
        guard steps.count < Pattern.stepsMax else { throw fault("the pattern is too large") }
    }

    /// Steps with all places moved.
    private static func moved(_ steps: [Pattern.Step], by count: Int) -> [Pattern.Step] {
        steps.map { step in
            switch step {
            case .fork(let one, let other): .fork(one + count, other + count)
            case .jump(let place): .jump(place + count)
            case .take, .start, .end, .match: step
            }
        }
    }

    // MARK: Repetitions

    private mutating func repeated(
        _ atom: [Pattern.Step]
    ) throws(Pattern.Fault) -> [Pattern.Step] {
        var steps = atom
        while let bounds = try bounds() {
            // A lazy repetition occurs where a greedy one does.
            _ = take("?")
            steps = try unrolled(steps, bounds.lowest, bounds.highest)
        }
        return steps
    }

    private mutating func bounds() throws(Pattern.Fault) -> (lowest: Int, highest: Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        guard next == "{" else { return nil }
        let start = position
        position += 1
        guard let lowest = number() else {
            position = start
            return nil
        }
        var highest: Int? = lowest
        if take(",") { highest = next == "}" ? nil : number() ?? -1 }
        guard take("}") else { throw fault("'}' is missing") }
        guard lowest <= Self.repeatMax, (highest ?? lowest) >= lowest,
            (highest ?? lowest) <= Self.repeatMax
        else { throw fault("a repetition goes upwards and to \(Self.repeatMax) at most") }
        return (lowest, highest)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let scalar = next, ("0"..."9").contains(scalar) {
            value = min((value ?? 0) * 10 + Int(scalar.value - 0x30), 1_000_000)
            position += 1
        }
        return value
    }

    private func unrolled(
        _ atom: [Pattern.Step], _ lowest: Int, _ highest: Int?
    ) throws(Pattern.Fault) -> [Pattern.Step] {
        let copies = (highest ?? lowest) + 1
        guard copies * (atom.count + 2) < Pattern.stepsMax else {
            throw fault("the pattern is too large")
        }
        var steps: [Pattern.Step] = []
        for _ in 0..<lowest { steps += Self.moved(atom, by: steps.count) }
        guard let highest else {
            // fork(body, behind) body jump(fork)
            let fork = steps.count
            return steps + [.fork(fork + 1, fork + atom.count + 2)]
                + Self.moved(atom, by: fork + 1) + [.jump(fork)]
        }
        let end = steps.count + (highest - lowest) * (atom.count + 1)
        for _ in lowest..<highest {
            steps.append(.fork(steps.count + 1, end))
            steps += Self.moved(atom, by: steps.count)
        }
        return steps
    }

    // MARK: Atoms

    private mutating func atom() throws(Pattern.Fault) -> [Pattern.Step] {
        guard let scalar = next else { throw fault("the pattern ends too early") }
        switch scalar {
        case "(": return try group()
        case "[": return [.take(try characterClass())]
        case ".":
            position += 1
            return [.take(CharacterSet(ranges: [10...10], isNegated: true))]
        case "^":
            position += 1
            return [.start]
        case "$":
            position += 1
            return [.end]
        case "*", "+", "?": throw fault("'\(scalar)' has nothing to repeat")
        case "\\":
            position += 1
            return [.take(try escape())]
        default:
            position += 1
            return [.take(cased([scalar.value...scalar.value]))]
        }
    }

    private mutating func group() throws(Pattern.Fault) -> [Pattern.Step] {
        position += 1
        if take("?") {
            if take("P") || next == "<" {
                while let scalar = next, scalar != ">" {
                    _ = scalar
                    position += 1
                }
                guard take(">") else { throw fault("a group's name does not end") }
            } else if !take(":") {
                throw fault("this kind of group is not known")
            }
        }
        let steps = try alternatives()
        guard take(")") else { throw fault("')' is missing") }
        return steps
    }

    /// The set behind a backslash.
    private mutating func escape() throws(Pattern.Fault) -> Pattern.CharacterSet {
        guard let scalar = next else { throw fault("the pattern ends with '\\'") }
        position += 1
        switch scalar {
        case "d": return CharacterSet(ranges: Self.digit)
        case "D": return CharacterSet(ranges: Self.digit, isNegated: true)
        case "w": return CharacterSet(ranges: Self.word)
        case "W": return CharacterSet(ranges: Self.word, isNegated: true)
        case "s": return CharacterSet(ranges: Self.space)
        case "S": return CharacterSet(ranges: Self.space, isNegated: true)
        case "n": return CharacterSet(ranges: [10...10])
        case "r": return CharacterSet(ranges: [13...13])
        case "t": return CharacterSet(ranges: [9...9])
        default:
            guard scalar.isASCII, !scalar.properties.isAlphabetic, !("0"..."9").contains(scalar)
            else {
                position -= 1
                throw fault("'\\\(scalar)' is not known here")
            }
            return CharacterSet(ranges: [scalar.value...scalar.value])
        }
    }

    private mutating func characterClass() throws(Pattern.Fault) -> Pattern.CharacterSet {
        position += 1
        let isNegated = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        var isFirst = true
        while let scalar = next, scalar != "]" || isFirst {
            isFirst = false
            position += 1
            if scalar == "[", next == ":" { throw fault("classes by name are not known here") }
            var low = scalar.value
            if scalar == "\\" {
                let set = try escape()
                guard !set.isNegated else { throw fault("a class cannot hold this") }
                guard set.ranges.count == 1, set.ranges[0].count == 1 else {
                    ranges += set.ranges
                    continue
                }
                low = set.ranges[0].lowerBound
            }
            var high = low
            if next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
                position += 1
                high = try endOfRange()
                guard low <= high else { throw fault("a range goes upwards") }
            }
            ranges.append(low...high)
        }
        guard take("]") else { throw fault("']' is missing") }
        var set = cased(ranges)
        set.isNegated = isNegated
        return set
    }

    /// The character behind a class's `-`.
    private mutating func endOfRange() throws(Pattern.Fault) -> UInt32 {
        guard let scalar = next else { throw fault("']' is missing") }
        position += 1
        guard scalar == "\\" else { return scalar.value }
        let set = try escape()
        guard !set.isNegated, set.ranges.count == 1, set.ranges[0].count == 1 else {
            throw fault("a range ends with one character")
        }
        return set.ranges[0].lowerBound
    }

    /// With the other case of ASCII letters, where that does not matter.
    private func cased(_ ranges: [ClosedRange<UInt32>]) -> Pattern.CharacterSet {
        guard ignoresCase else { return CharacterSet(ranges: ranges) }
        var all = ranges
        for range in ranges {
            for (letters, shift) in [(0x41...0x5a, 32), (0x61...0x7a, -32)]
                as [(ClosedRange<UInt32>, Int)]
            {
                let part = range.clamped(to: letters)
                guard range.overlaps(letters) else { continue }
                all.append(
                    UInt32(Int(part.lowerBound) + shift)...UInt32(Int(part.upperBound) + shift))
            }
        }
        return CharacterSet(ranges: all)
    }
}
