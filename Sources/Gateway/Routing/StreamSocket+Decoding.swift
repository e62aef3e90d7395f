package import Codecs
package import Loop

extension StreamSocket {
    /// Reads until a decoder has its message, and consumes it. A fault of the message is a value.
    package func read<Value, Fault>(
        _ decode: (RawSpan) -> Decoded<Value, Fault>
    ) async throws(StreamFault) -> Message<Value, Fault> {
        while true {
            switch decode(unread.bytes) {
            case .needs:
                try await fill()
            case .value(let value, let count):
                consume(count)
                return .value(value)
            case .fault(let fault):
                return .fault(fault)
            }
        }
    }
}

/// A whole message, or why the bytes are none.
package enum Message<Value, Fault> {
    /// The message.
    case value(Value)
    /// What is wrong.
    case fault(Fault)
}
