/// A cursor over borrowed bytes for decoders: every read says nil where bytes are missing.
///
/// Nothing here traps on any input, and nothing allocates. A read that returns nil leaves the
/// cursor where it was.
package struct ByteReader: ~Escapable {
    @usableFromInline let bytes: RawSpan
    @usableFromInline var cursor = 0

    /// Starts at the first of `bytes`, which must outlive the reader.
    @_lifetime(copy bytes)
    @inlinable
    package init(_ bytes: RawSpan) {
        self.bytes = bytes
    }

    /// Bytes consumed so far.
    @inlinable
    package var position: Int { cursor }

    /// Bytes not yet consumed.
    @inlinable
    package var remaining: Int { bytes.byteCount - cursor }

    /// Takes one byte.
    @inlinable
    package mutating func readUInt8() -> UInt8? {
        guard remaining >= 1 else { return nil }
        let value = bytes.unsafeLoad(fromByteOffset: cursor, as: UInt8.self)
        cursor += 1
        return value
    }

    /// Takes two bytes, most significant first.
    @inlinable
    package mutating func readUInt16() -> UInt16? {
        guard remaining >= 2 else { return nil }
        let value = bytes.unsafeLoadUnaligned(fromByteOffset: cursor, as: UInt16.self)
        cursor += 2
        return UInt16(bigEndian: value)
    }

    /// Takes four bytes, most significant first.
    @inlinable
    package mutating func readUInt32() -> UInt32? {
        guard remaining >= 4 else { return nil }
        let value = bytes.unsafeLoadUnaligned(fromByteOffset: cursor, as: UInt32.self)
        cursor += 4
        return UInt32(bigEndian: value)
    }

    /// Takes eight bytes, most significant first.
    @inlinable
    package mutating func readUInt64() -> UInt64? {
        guard remaining >= 8 else { return nil }
        let value = bytes.unsafeLoadUnaligned(fromByteOffset: cursor, as: UInt64.self)
        cursor += 8
        return UInt64(bigEndian: value)
    }

    /// Takes `count` bytes as they are, without copying; nil also for a negative count.
    @_lifetime(copy self)
    @inlinable
    package mutating func read(_ count: Int) -> RawSpan? {
        guard count >= 0, remaining >= count else { return nil }
        let part = bytes.extracting(cursor..<cursor + count)
        cursor += count
        return part
    }

    /// Takes the bytes before the next `terminator` and the terminator itself, which is not in the
    /// result; nil where there is none.
    @_lifetime(copy self)
    @inlinable
    package mutating func read(upTo terminator: UInt8) -> RawSpan? {
        var end = cursor
        while end < bytes.byteCount {
            if bytes.unsafeLoad(fromByteOffset: end, as: UInt8.self) == terminator {
                let part = bytes.extracting(cursor..<end)
                cursor = end + 1
                return part
            }
            end += 1
        }
        return nil
    }

    /// Leaves out `count` bytes; false, and nothing happens, where there are fewer.
    @inlinable
    package mutating func skip(_ count: Int) -> Bool {
        guard count >= 0, remaining >= count else { return false }
        cursor += count
        return true
    }

    /// Moves to `position`, counted from the first byte; false, and nothing happens, outside.
    @inlinable
    package mutating func move(to position: Int) -> Bool {
        guard position >= 0, position <= bytes.byteCount else { return false }
        cursor = position
        return true
    }
}
