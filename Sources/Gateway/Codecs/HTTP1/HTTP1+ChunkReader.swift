// RFC 9112 §7.1
//
// chunk        = 1*HEXDIG [ ";" extensions ] CRLF data CRLF
// last-chunk   = 1*"0" [ ";" extensions ] CRLF
// chunked-body = *chunk last-chunk *( field-line CRLF ) CRLF

import Model

extension HTTP1 {
    /// Reads chunked content piece by piece: give it spans as they come, take data out of them.
    ///
    /// Allocates only for trailers. Extensions are left out, within a bound.
    package struct ChunkReader: Sendable {
        /// What stands next in the bytes.
        package enum Event: Equatable, Sendable {
            /// Data: this range of the span given.
            case data(Range<Int>)
            /// Everything of the span is used; go on with the next bytes.
            case needsMore
            /// The content is whole. What follows belongs to the next message.
            case end(trailers: Fields)
            /// It can be no chunked content any more.
            case fault(Fault)
        }

        enum State {
            case size(digits: Int)
            case `extension`(count: Int)
            case sizeEnd
            case data
            case dataReturn
            case dataEnd
            case trailers
            case ended
            case failed(Fault)
        }

        private let side: Side
        var state = State.size(digits: 0)
        private var remaining: UInt64 = 0
        // Of the trailers: the bytes kept, and of them whole lines and those of the current one.
        var trailers: [UInt8] = []
        var lineCount = 0
        var lineBytes = 0
        var isLineEnding = false
        var finished = Fields()

        /// A reader for content of a request or of a response, which decides a fault's status.
        package init(_ side: Side) { self.side = side }

        /// Takes the next event from `bytes`, from `offset` on, and moves `offset` behind what it
        /// took. Call it until it says `needsMore`, `end` or `fault`; the latter two stay.
        package mutating func next(_ bytes: RawSpan, from offset: inout Int) -> Event {
            bytes.withUnsafeBytes { bytes in
                while offset < bytes.count {
                    if case .data = state {
                        let count = Int(min(remaining, UInt64(bytes.count - offset)))
                        let part = offset..<offset + count
                        offset += count
                        remaining -= UInt64(count)
                        if remaining == 0 { state = .dataReturn }
                        return .data(part)
                    }
                    if case .ended = state { return .end(trailers: finished) }
                    if case .failed(let fault) = state { return .fault(fault) }
                    let byte = bytes[offset]
                    offset += 1
                    if let reason = take(byte) {
                        let fault = Fault(reason, in: side)
                        state = .failed(fault)
                        return .fault(fault)
                    }
                    if case .ended = state { return .end(trailers: finished) }
                }
                switch state {
                case .ended: return .end(trailers: finished)
                case .failed(let fault): return .fault(fault)
                case .size, .extension, .sizeEnd, .data, .dataReturn, .dataEnd, .trailers:
                    return .needsMore
                }
            }
        }

        private mutating func take(_ byte: UInt8) -> Reason? {
            switch state {
            case .size(let digits):
                return takeSize(byte, digits: digits)
            case .extension(let count):
                if byte == HTTP1.carriageReturn {
                    state = .sizeEnd
                } else {
                    if let reason = HTTP1.controlFault(byte) { return reason }
                    if count >= Limits.chunkLineBytes { return .chunkLineTooLong }
                    state = .extension(count: count + 1)
                }
            case .sizeEnd:
                guard byte == HTTP1.lineFeed else { return .bareCarriageReturn }
                state = remaining == 0 ? .trailers : .data
            case .dataReturn:
                guard byte == HTTP1.carriageReturn else { return .chunkEnd }
                state = .dataEnd
            case .dataEnd:
                guard byte == HTTP1.lineFeed else { return .chunkEnd }
                state = .size(digits: 0)
            case .trailers:
                return takeTrailer(byte)
            case .data, .ended, .failed:
                break
            }
            return nil
        }

        private mutating func takeSize(_ byte: UInt8, digits: Int) -> Reason? {
            if let digit = HTTP1.hexadecimal(byte) {
                guard digits < 16 else { return .chunkSize }
                remaining = remaining << 4 | UInt64(digit)
                state = .size(digits: digits + 1)
                return nil
            }
            guard digits > 0 else { return .chunkSize }
            switch byte {
            case HTTP1.carriageReturn: state = .sizeEnd
            case UInt8(ascii: ";"): state = .extension(count: 0)
            default: return byte == HTTP1.lineFeed ? .bareLineFeed : .chunkSize
            }
            return nil
        }
    }
}
