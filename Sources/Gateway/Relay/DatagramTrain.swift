import LinuxIO

/// Calls `body` with each datagram of a received message: one, or those of a train.
func forEachDatagram(
    _ message: DatagramInbox.Message, at start: UnsafeMutableRawPointer,
    _ body: (UnsafeRawBufferPointer) -> Void
) {
    guard message.segmentBytes > 0, message.segmentBytes < message.count else {
        body(UnsafeRawBufferPointer(start: start, count: message.count))
        return
    }
    var offset = 0
    while offset < message.count {
        let count = min(message.segmentBytes, message.count - offset)
        body(UnsafeRawBufferPointer(start: start + offset, count: count))
        offset += count
    }
}
