/// Bytes in the order in which they came.
struct ByteQueue {
    private var bytes: [UInt8] = []
    private var head = 0

    /// Bytes waiting.
    var count: Int { bytes.count - head }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ more: some Collection<UInt8>) { bytes.append(contentsOf: more) }

    /// Takes up to `limit` bytes from the front.
    mutating func take(_ limit: Int) -> [UInt8] {
        let end = head + min(limit, count)
        let taken = Array(bytes[head..<end])
        head = end
        if head == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 1 << 20 {
            bytes.removeFirst(head)
            head = 0
        }
        return taken
    }

    mutating func removeAll() {
        bytes.removeAll()
        head = 0
    }
}
