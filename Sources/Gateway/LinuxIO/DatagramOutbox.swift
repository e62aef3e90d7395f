package import Model

/// Messages to be sent in one batch, as lists of byte ranges; one per loop, reused.
///
/// The ranges are borrowed: they must stay valid until the batch has been sent.
///
/// ## Concurrency
/// Belongs to one loop and is used on its thread only.
package final class DatagramOutbox {
    /// One message: a datagram, or a train that the kernel cuts into datagrams of `segmentBytes`.
    package struct Message: Sendable {
        /// Where it goes.
        package var destination: Endpoint
        /// The local address to send from; unspecified lets the kernel choose.
        package var source: IPAddress
        /// Index of the message's first range.
        package var firstRange: Int
        /// How many ranges it has.
        package var rangeCount: Int
        /// The size of each datagram of a train; 0 for a single datagram.
        package var segmentBytes: Int

        package init(
            destination: Endpoint, source: IPAddress, firstRange: Int, rangeCount: Int,
            segmentBytes: Int
        ) {
            self.destination = destination
            self.source = source
            self.firstRange = firstRange
            self.rangeCount = rangeCount
            self.segmentBytes = segmentBytes
        }
    }

    /// The messages, in order.
    package private(set) var messages: [Message] = []
    /// All ranges of all messages.
    package private(set) var ranges: [UnsafeRawBufferPointer] = []

    package init() {
        messages.reserveCapacity(64)
        ranges.reserveCapacity(1024)
    }

    /// Forgets everything, keeps the memory.
    package func removeAll() {
        messages.removeAll(keepingCapacity: true)
        ranges.removeAll(keepingCapacity: true)
    }

    /// Begins a message; `append` adds its bytes.
    package func begin(to destination: Endpoint, from source: IPAddress, segmentBytes: Int = 0) {
        messages.append(
            Message(
                destination: destination, source: source, firstRange: ranges.count, rangeCount: 0,
                segmentBytes: segmentBytes))
    }

    /// Adds bytes to the message begun last.
    package func append(_ bytes: UnsafeRawBufferPointer) {
        precondition(!messages.isEmpty, "append before begin")
        ranges.append(bytes)
        messages[messages.count - 1].rangeCount += 1
    }

    /// Makes the message begun last a train of datagrams of that size.
    package func setSegmentBytes(_ count: Int) {
        messages[messages.count - 1].segmentBytes = count
    }

    /// The bytes of a message, over all of its ranges.
    package func byteCount(_ index: Int) -> Int {
        let message = messages[index]
        var count = 0
        for range in message.firstRange..<(message.firstRange + message.rangeCount) {
            count += ranges[range].count
        }
        return count
    }
}
