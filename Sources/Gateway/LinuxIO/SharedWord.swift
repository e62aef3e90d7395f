import CLinux

/// Loads and stores of 64-bit words that another thread, or a later process, reads.
package enum SharedWord {
    /// Publishes a value, and with it everything written before. `word` is aligned to 8 bytes.
    package static func store(_ value: UInt64, at word: UnsafeMutableRawPointer) {
        weir_store_release_u64(word, value)
    }

    /// Reads a published value; what was written before it is then visible too.
    package static func load(at word: UnsafeRawPointer) -> UInt64 {
        weir_load_acquire_u64(word)
    }
}
