package import Model

/// Buffers for one batch of received messages; one per loop, reused.
///
/// A message is a datagram, or a train of equal-sized datagrams that the kernel joined
/// (`segmentBytes` > 0; the last may be shorter).
///
/// ## Concurrency
/// Belongs to one loop and is used on its thread only.
package final class DatagramInbox {
    /// One received message.
    package struct Message: Sendable {
        /// Who sent it.
        package var source: Endpoint
        /// The local address it was sent to; unspecified where the kernel did not tell.
        package var local: IPAddress
        /// Bytes received.
        package var count: Int
        /// The size of each datagram in a train; 0 when it is a single datagram.
        package var segmentBytes: Int
        /// Whether bytes were lost because the buffer was too small.
        package var isTruncated: Bool

        package init(
            source: Endpoint, local: IPAddress, count: Int, segmentBytes: Int, isTruncated: Bool
        ) {
            self.source = source
            self.local = local
            self.count = count
            self.segmentBytes = segmentBytes
            self.isTruncated = isTruncated
        }
    }

    /// Messages per batch.
    package let capacity: Int
    /// Bytes per message; the largest train is below 64 KiB.
    package let messageBytes: Int
    private let storage: UnsafeMutableRawPointer
    /// Bytes from one message's start to the next one's.
    package let stride: Int
    /// The messages of the last receive; the driver fills as many as it reports.
    package let messages: UnsafeMutableBufferPointer<Message>

    package init(
        capacity: Int = Limits.datagramsPerReceive, messageBytes: Int = 65_536
    ) {
        self.capacity = capacity
        self.messageBytes = messageBytes
        stride = (messageBytes + 63) & ~63
        storage = .allocate(byteCount: capacity * stride, alignment: 64)
        messages = .allocate(capacity: capacity)
        messages.initialize(
            repeating: Message(
                source: Endpoint(.anyV6, 0), local: .anyV6, count: 0, segmentBytes: 0,
                isTruncated: false))
    }

    deinit {
        storage.deallocate()
        messages.deallocate()
    }

    /// Where message `index` starts.
    package func bytes(_ index: Int) -> UnsafeMutableRawPointer {
        precondition((0..<capacity).contains(index), "no such message")
        return storage + index * stride
    }
}
