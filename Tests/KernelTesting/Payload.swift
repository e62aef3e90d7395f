/// Bytes for tests to send, cheap to make and different everywhere, so that a byte that is lost,
/// repeated or out of place shows.
package enum Payload {
    /// That many bytes, as the seed decides. A shorter payload of one seed starts a longer one.
    package static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        let words = (0..<(count + 7) / 8).map { _ in random.next() }
        return words.withUnsafeBytes { Array($0.prefix(count)) }
    }
}
