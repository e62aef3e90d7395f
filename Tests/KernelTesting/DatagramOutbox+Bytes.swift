import LinuxIO

extension DatagramOutbox {
    /// All bytes of a message, over its ranges.
    func bytes(of message: Message) -> [UInt8] {
        var all: [UInt8] = []
        for index in message.firstRange..<(message.firstRange + message.rangeCount) {
            all += ranges[index]
        }
        return all
    }
}
