/// How many bytes may pass in a second, and how many at once after a pause.
public struct ByteRate: Hashable, Sendable {
    /// Above zero.
    public let bytesPerSecond: Int
    /// How many bytes may come at once when nothing came before; above zero.
    public let burstBytes: Int

    /// A rate; without a burst of its own, a twentieth of a second's worth.
    public init(bytesPerSecond: Int, burstBytes: Int? = nil) {
        precondition(bytesPerSecond > 0, "a rate of nothing is no rate")
        precondition(burstBytes ?? 1 > 0, "a burst of nothing lets nothing through")
        self.bytesPerSecond = bytesPerSecond
        self.burstBytes = burstBytes ?? max(1, bytesPerSecond / 20)
    }
}
