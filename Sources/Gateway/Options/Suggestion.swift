/// "Did you mean": the candidate that is closest to what was written.
public enum Suggestion {
    /// The closest candidate, if it is close enough to be what was meant.
    public static func closest(to text: String, among candidates: [String]) -> String? {
        let lowered = Array(text.lowercased().unicodeScalars)
        guard lowered.count <= 64 else { return nil }
        let allowed = lowered.count < 3 ? 0 : max(1, lowered.count / 3)
        var best: (candidate: String, distance: Int)?
        for candidate in candidates {
            let other = Array(candidate.lowercased().unicodeScalars)
            guard abs(other.count - lowered.count) <= allowed else { continue }
            let distance = distance(lowered, other)
            if distance <= allowed, distance < best?.distance ?? .max {
                best = (candidate, distance)
            }
        }
        return best?.candidate
    }

    /// A hint for `closest`, or nil.
    public static func hint(for text: String, among candidates: [String]) -> String? {
        closest(to: text, among: candidates).map { "did you mean '\($0)'?" }
    }

    /// Insertions, deletions, substitutions and swaps of neighbours that lead from one to the other
    /// (optimal string alignment distance).
    static func distance(_ one: [Unicode.Scalar], _ other: [Unicode.Scalar]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...other.count)
        for (row, scalar) in one.enumerated() {
            var current = [row + 1]
            for (column, candidate) in other.enumerated() {
                var cost = min(
                    last[column] + (scalar == candidate ? 0 : 1), last[column + 1] + 1,
                    current[column] + 1)
                let isSwap =
                    row > 0 && column > 0 && scalar == other[column - 1]
                    && one[row - 1] == candidate
                if isSwap { cost = min(cost, beforeLast[column - 1] + 1) }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[other.count]
    }
}
