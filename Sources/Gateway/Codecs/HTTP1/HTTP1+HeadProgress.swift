import Model

extension HTTP1 {
    /// What of a head has been looked at, so that a head that arrives byte by byte is not read from
    /// its start each time. One per head; the bytes given must only grow.
    package struct HeadProgress: Sendable {
        private var looked = 0
        private var start = 0
        private var lineStart = 0
        private var lineCount = 0

        /// Nothing yet.
        package init() {}

        /// Where the head ends.
        enum Outcome {
            case needsMore
            /// The first line begins at `start`; `end` is behind the empty line.
            case whole(start: Int, end: Int)
            case fault(Reason)
        }

        /// Looks at what is new. Line ends, control bytes, folding and sizes are right in a head
        /// that is `whole`.
        mutating func look(at bytes: UnsafeRawBufferPointer, side: Side) -> Outcome {
            while let at = HTTP1.firstControl(in: bytes, from: looked) {
                switch bytes[at] {
                case HTTP1.tab:
                    looked = at + 1
                case HTTP1.carriageReturn:
                    guard at + 1 < bytes.count else {
                        looked = at
                        return verdict(count: bytes.count, side: side)
                    }
                    guard bytes[at + 1] == HTTP1.lineFeed else {
                        return .fault(.bareCarriageReturn)
                    }
                    looked = at + 2
                    if let outcome = endLine(at: at, in: bytes, side: side) { return outcome }
                    lineStart = looked
                case HTTP1.lineFeed:
                    return .fault(.bareLineFeed)
                default:
                    return .fault(.controlByte)
                }
            }
            looked = bytes.count
            return verdict(count: bytes.count, side: side)
        }

        private mutating func endLine(
            at end: Int, in bytes: UnsafeRawBufferPointer, side: Side
        ) -> Outcome? {
            guard end > lineStart else {
                if lineCount > 0 {
                    return looked > Limits.headBytes
                        ? .fault(.headTooLarge) : .whole(start: start, end: looked)
                }
                // One empty line before a request is left out: old clients end content with it
                // (RFC 9112 §2.2).
                guard side == .request, lineStart == 0 else { return .fault(.startLine) }
                start = looked
                return nil
            }
            lineCount += 1
            if lineCount == 1 {
                return isStartLineTooLong(end - lineStart, side) ? .fault(.targetTooLong) : nil
            }
            if HTTP1.isBlank(bytes[lineStart]) { return .fault(.foldedLine) }
            return lineCount - 1 > Limits.headFields ? .fault(.tooManyFields) : nil
        }

        private func isStartLineTooLong(_ count: Int, _ side: Side) -> Bool {
            side == .request && count > HTTP1.methodBytesMax + Limits.targetBytes + 10
        }

        private func verdict(count: Int, side: Side) -> Outcome {
            if lineCount == 0, isStartLineTooLong(count - lineStart, side) {
                return .fault(.targetTooLong)
            }
            return count >= Limits.headBytes ? .fault(.headTooLarge) : .needsMore
        }
    }
}

extension HTTP1.HeadProgress {
    /// Has a head of one side read once its bytes are whole.
    mutating func decode<Head>(
        _ bytes: RawSpan, side: HTTP1.Side,
        _ read: (UnsafeRawBufferPointer) throws(HTTP1.FieldFault) -> Head
    ) -> Decoded<Head, HTTP1.Fault> {
        bytes.withUnsafeBytes { bytes in
            switch look(at: bytes, side: side) {
            case .needsMore:
                return .needs(moreBytes: 1)
            case .fault(let reason):
                return .fault(.init(reason, in: side))
            case .whole(let start, let end):
                do throws(HTTP1.FieldFault) {
                    let head = try read(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                    return .value(head, bytesConsumed: end)
                } catch {
                    return .fault(.init(error.reason, in: side))
                }
            }
        }
    }
}
