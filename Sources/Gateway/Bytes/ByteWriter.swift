/// A cursor that fills memory given by the caller, for encoders.
///
/// The caller sizes the memory by the message's `maximumByteCount`; writing past its end is a bug
/// of ours and traps. Nothing here allocates.
package struct ByteWriter {
    @usableFromInline let buffer: UnsafeMutableRawBufferPointer
    @usableFromInline var cursor = 0

    /// Starts at the first byte of `buffer`, which stays the caller's and must outlive the writer.
    @inlinable
    package init(_ buffer: UnsafeMutableRawBufferPointer) {
        self.buffer = buffer
    }

    /// Bytes written so far.
    @inlinable
    package var position: Int { cursor }

    /// Bytes that may still be written.
    @inlinable
    package var remaining: Int { buffer.count - cursor }

    /// Puts one byte.
    @inlinable
    package mutating func write(_ value: UInt8) {
        precondition(remaining >= 1, "a message is longer than the memory given for it")
        buffer[cursor] = value
        cursor += 1
    }

    /// Puts two bytes, most significant first.
    @inlinable
    package mutating func write(_ value: UInt16) {
        precondition(remaining >= 2, "a message is longer than the memory given for it")
        buffer.storeBytes(of: value.bigEndian, toByteOffset: cursor, as: UInt16.self)
        cursor += 2
    }

    /// Puts four bytes, most significant first.
    @inlinable
    package mutating func write(_ value: UInt32) {
        precondition(remaining >= 4, "a message is longer than the memory given for it")
        buffer.storeBytes(of: value.bigEndian, toByteOffset: cursor, as: UInt32.self)
        cursor += 4
    }

    /// Puts eight bytes, most significant first.
    @inlinable
    package mutating func write(_ value: UInt64) {
        precondition(remaining >= 8, "a message is longer than the memory given for it")
        buffer.storeBytes(of: value.bigEndian, toByteOffset: cursor, as: UInt64.self)
        cursor += 8
    }

    /// Puts the UTF-8 of `text`, without a length or terminator.
    @inlinable
    package mutating func write(_ text: String) {
        for byte in text.utf8 { write(byte) }
    }

    /// Puts `bytes` as they are.
    @inlinable
    package mutating func write(_ bytes: RawSpan) {
        precondition(remaining >= bytes.byteCount, "a message is longer than its memory")
        guard bytes.byteCount > 0 else { return }
        bytes.withUnsafeBytes { source in
            UnsafeMutableRawBufferPointer(rebasing: buffer[cursor...]).copyMemory(from: source)
        }
        cursor += bytes.byteCount
    }
}

extension [UInt8] {
    /// The bytes that `body` writes, at most `capacity`, in an array of their own.
    ///
    /// Allocates: for the control plane and for tests. The data path writes into its own memory.
    package init(capacity: Int, writing body: (inout ByteWriter) -> Void) {
        self.init(unsafeUninitializedCapacity: capacity) { memory, count in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
            body(&writer)
            count = writer.position
        }
    }
}
