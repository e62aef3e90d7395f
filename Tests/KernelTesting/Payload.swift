import Chance
import Glibc

/// Bytes for tests to send, cheap to make and different everywhere, so that a byte that is lost,
/// repeated or out of place shows.
///
/// `==` on large arrays takes most of a simulation's time in debug builds; these do not.
package enum Payload {
    /// That many bytes, as the seed decides. A shorter payload of one seed starts a longer one.
    package static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SplitMix64(seed: seed)
        return [UInt8](unsafeUninitializedCapacity: count + 8) { buffer, filled in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            var offset = 0
            while offset < count {
                raw.storeBytes(of: random.next(), toByteOffset: offset, as: UInt64.self)
                offset += 8
            }
            filled = count
        }
    }

    /// Whether both hold the same bytes.
    package static func areEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.count == other.count && memcmp(one, other, one.count) == 0
    }

    /// Whether the bytes are what `bytes(_:seed:)` makes, as far as they go.
    package static func isStart(_ bytes: [UInt8], seed: UInt64) -> Bool {
        areEqual(bytes, Self.bytes(bytes.count, seed: seed))
    }

    /// A number that differs for different bytes, to compare sets of payloads by.
    package static func digest(_ bytes: [UInt8]) -> UInt64 {
        bytes.withUnsafeBytes { bytes in
            var digest = UInt64(bytes.count) &* 0x9e37_79b9_7f4a_7c15
            var offset = 0
            while offset + 8 <= bytes.count {
                let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                digest = (digest ^ word) &* 0x0000_0100_0000_01b3
                digest ^= digest >> 29
                offset += 8
            }
            while offset < bytes.count {
                digest = (digest ^ UInt64(bytes[offset])) &* 0x0000_0100_0000_01b3
                offset += 1
            }
            return digest
        }
    }
}
