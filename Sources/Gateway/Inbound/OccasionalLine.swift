/// A log line that may be due very often and is written at most once in ten seconds.
struct OccasionalLine {
    private static let pauseNanoseconds: UInt64 = 10_000_000_000

    private var lastNanoseconds: UInt64?
    private var unsaid = 0

    /// How many were left out since the last one, when the line is to be written now.
    mutating func next(nowNanoseconds: UInt64) -> Int? {
        if let last = lastNanoseconds, nowNanoseconds < last + Self.pauseNanoseconds {
            unsaid += 1
            return nil
        }
        lastNanoseconds = nowNanoseconds
        defer { unsaid = 0 }
        return unsaid
    }
}
