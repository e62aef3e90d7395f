/// What the files of a meter are called and how they grow.
package enum MeterFiles {
    /// How a file of slots ends.
    package static let slotSuffix = ".slots"
    /// How a file of texts ends.
    package static let textSuffix = ".texts"
    /// By how much a file of slots grows at once.
    package static let slotChunkBytes = SlotLayout.chunkBytes
    /// By how much a file of texts grows at once.
    package static let textChunkBytes = TextTable.chunkBytes
}
