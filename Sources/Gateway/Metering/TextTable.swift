import Model

/// Memory that grows by chunks at fixed addresses; a file in production, plain memory in tests and
/// where there is no state directory.
package protocol ChunkedMemory: AnyObject {
    /// One more chunk, zeroed, or nil when the disk is full. Chunks never move.
    func appendChunk() -> UnsafeMutableRawPointer?
    /// Starts to bring what has changed to storage, without waiting: what power loss may take is
    /// bounded by how often this is called.
    func startWriteBack()
}

/// Chunks of plain memory: nothing survives the process, or, in a test, as long as the test wants.
///
/// ## Concurrency
/// Belongs to one loop.
package final class PlainMemory: ChunkedMemory {
    /// The chunks so far.
    package private(set) var chunks: [UnsafeMutableRawPointer] = []
    private let chunkBytes: Int

    /// Memory in chunks of a size.
    package init(chunkBytes: Int) { self.chunkBytes = chunkBytes }

    deinit {
        for chunk in chunks { chunk.deallocate() }
    }

    package func startWriteBack() {}

    package func appendChunk() -> UnsafeMutableRawPointer? {
        let chunk = UnsafeMutableRawPointer.allocate(byteCount: chunkBytes, alignment: 4096)
        chunk.initializeMemory(as: UInt8.self, repeating: 0, count: chunkBytes)
        chunks.append(chunk)
        return chunk
    }
}

/// Texts that slots refer to: user names, services, long host names. Append-only; each distinct
/// text is kept once per boot.
///
/// A text lies at `reference - 1` as a 16-bit length and its UTF-8 bytes, never across a chunk.
/// A table that is full, or whose disk is, gives reference 0 and the text is missing after a crash;
/// the bytes are not. The last chunk is kept for services, without whose names nobody could be told
/// of a flow: users and hosts are strangers' texts and may fill the rest.
struct TextTable {
    static let chunkBytes = 1 << 20
    private static let chunksMax = 64

    private let memory: any ChunkedMemory
    private var chunk: UnsafeMutableRawPointer?
    private var chunkCount = 0
    private var used = 0
    private var references: [String: UInt32] = [:]
    /// With the service itself, whose identity would be another's once it is gone.
    private var services: [ObjectIdentifier: (service: ServiceInfo, reference: UInt32)] = [:]

    init(memory: any ChunkedMemory) { self.memory = memory }

    func startWriteBack() { memory.startWriteBack() }

    mutating func reference(to text: String?) -> UInt32 {
        guard let text, !text.isEmpty else { return 0 }
        return reference(to: text, chunksMax: Self.chunksMax - 1)
    }

    private mutating func reference(to text: String, chunksMax: Int) -> UInt32 {
        if let known = references[text] { return known }
        let reference = append(Array(text.utf8.prefix(Int(UInt16.max))), chunksMax: chunksMax)
        if reference != 0 { references[text] = reference }
        return reference
    }

    /// A service as one text: its name, handler and GUIDs, separated by U+001F.
    mutating func reference(to service: ServiceInfo) -> UInt32 {
        if let known = services[ObjectIdentifier(service)] { return known.reference }
        let parts = [service.service, service.handler] + service.guids
        let reference = reference(
            to: parts.joined(separator: "\u{1F}"), chunksMax: Self.chunksMax)
        if reference != 0 { services[ObjectIdentifier(service)] = (service, reference) }
        return reference
    }

    private mutating func append(_ bytes: [UInt8], chunksMax: Int) -> UInt32 {
        if chunk == nil || used + 2 + bytes.count > Self.chunkBytes {
            guard chunkCount < chunksMax, let fresh = memory.appendChunk() else { return 0 }
            chunk = fresh
            chunkCount += 1
            used = 0
        }
        guard let chunk else { return 0 }
        (chunk + used + 2).copyMemory(from: bytes, byteCount: bytes.count)
        chunk.storeBytes(of: UInt16(bytes.count), toByteOffset: used, as: UInt16.self)
        let reference = UInt32((chunkCount - 1) * Self.chunkBytes + used + 1)
        used += 2 + bytes.count
        return reference
    }
}

/// Reads the texts of a dead boot.
struct TextReader {
    let chunks: [UnsafeMutableRawPointer]

    /// The text at a reference; nil for 0 and for references that make no sense.
    func text(_ reference: UInt32) -> String? {
        guard reference > 0 else { return nil }
        let position = Int(reference) - 1
        let (index, offset) = position.quotientAndRemainder(dividingBy: TextTable.chunkBytes)
        guard index < chunks.count, offset + 2 <= TextTable.chunkBytes else { return nil }
        let length = Int(chunks[index].loadUnaligned(fromByteOffset: offset, as: UInt16.self))
        guard offset + 2 + length <= TextTable.chunkBytes else { return nil }
        let bytes = UnsafeRawBufferPointer(start: chunks[index] + offset + 2, count: length)
        return String(decoding: bytes, as: UTF8.self)
    }

    func service(_ reference: UInt32) -> ServiceInfo? {
        guard let text = text(reference) else { return nil }
        let parts = text.split(separator: "\u{1F}", omittingEmptySubsequences: false).map(
            String.init)
        guard parts.count >= 2 else { return nil }
        return ServiceInfo(service: parts[0], handler: parts[1], guids: Array(parts[2...]))
    }
}
