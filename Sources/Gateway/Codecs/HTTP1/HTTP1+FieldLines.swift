extension HTTP1 {
    /// The fields between two places of a head, and what of them decides the framing.
    struct FieldLines {
        var lines: [Fields.Line] = []
        var host: Range<Int>?
        private var contentLength: UInt64?
        private var isChunked = false
        private let bytes: UnsafeRawBufferPointer

        init(_ bytes: UnsafeRawBufferPointer) {
            self.bytes = bytes
            lines.reserveCapacity(16)
        }

        /// Takes the lines from `start` up to the empty line, which must be there with every line's
        /// end (see `HeadProgress`); what is wrong, or nil.
        mutating func read(from start: Int) -> Reason? {
            var at = start
            while at + 1 < bytes.count, bytes[at] != HTTP1.carriageReturn {
                var end = at
                var colon: Int?
                while bytes[end] != HTTP1.carriageReturn {
                    if colon == nil, bytes[end] == UInt8(ascii: ":") { colon = end }
                    end += 1
                }
                guard let colon else { return .fieldLine }
                if let fault = add(name: at..<colon, rest: colon + 1..<end) { return fault }
                at = end + 2
            }
            return nil
        }

        private mutating func add(name: Range<Int>, rest: Range<Int>) -> Reason? {
            guard HTTP1.isToken(bytes[name]) else {
                let isBlankBefore = !name.isEmpty && HTTP1.isBlank(bytes[name.upperBound - 1])
                return isBlankBefore ? .spaceBeforeColon : .fieldName
            }
            var value = rest
            while let first = value.first, HTTP1.isBlank(bytes[first]) { value.removeFirst() }
            while let last = value.last, HTTP1.isBlank(bytes[last]) { value.removeLast() }
            lines.append(Fields.Line(name: name, value: value))
            switch name.count {
            case 4 where isSame(name, "host"):
                guard host == nil else { return .host }
                host = value
            case 14 where isSame(name, "content-length"):
                guard contentLength == nil, let length = HTTP1.decimal(bytes[value])
                else { return .contentLength }
                contentLength = length
            case 17 where isSame(name, "transfer-encoding"):
                guard !isChunked else { return .transferEncoding }
                guard isSame(value, "chunked") else { return codingFault(value) }
                isChunked = true
            default:
                break
            }
            return nil
        }

        /// What is wrong with a transfer coding that is not exactly `chunked`: bad spelling of what
        /// we know, or something that we do not.
        private func codingFault(_ value: Range<Int>) -> Reason {
            let codings = bytes[value].split(
                separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            let isKnown = codings.allSatisfy { coding in
                let name = coding.prefix { $0 != UInt8(ascii: ";") }.filter { !HTTP1.isBlank($0) }
                return name.isEmpty || HTTP1.isSame(name, "chunked".utf8)
            }
            return isKnown ? .transferEncoding : .transferCoding
        }

        private func isSame(_ range: Range<Int>, _ text: StaticString) -> Bool {
            guard range.count == text.utf8CodeUnitCount else { return false }
            for (offset, at) in range.enumerated()
            where HTTP1.lowercased(bytes[at]) != text.utf8Start[offset] { return false }
            return true
        }

        /// What Content-Length and Transfer-Encoding say; nil where there is neither.
        func declared(version: Version) -> Result<Framing?, FieldFault> {
            if isChunked {
                guard contentLength == nil else { return .failure(.init(.conflictingLengths)) }
                guard version == .http11 else { return .failure(.init(.transferEncoding)) }
                return .success(.chunked)
            }
            return .success(contentLength.map { .length($0) })
        }
    }

    /// A reason that can be thrown.
    struct FieldFault: Error {
        let reason: Reason

        init(_ reason: Reason) { self.reason = reason }
    }
}
