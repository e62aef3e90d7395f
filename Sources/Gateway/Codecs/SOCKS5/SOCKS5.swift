/// SOCKS protocol version 5 (RFC 1928, RFC 1929), messages only.
package enum SOCKS5 {
    /// The first byte of every SOCKS5 message.
    package static let version: UInt8 = 5
}
