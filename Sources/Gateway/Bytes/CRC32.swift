/// The checksum of IEEE 802.3, as gzip and gost's `hash` selector have it.
package enum CRC32 {
    /// The checksum of text's UTF-8. Bit by bit: for short texts, once per connection.
    package static func checksum(_ text: String) -> UInt32 {
        var register: UInt32 = 0xffff_ffff
        for byte in text.utf8 {
            register ^= UInt32(byte)
            for _ in 0..<8 {
                register = register & 1 == 0 ? register >> 1 : register >> 1 ^ 0xedb8_8320
            }
        }
        return ~register
    }
}
