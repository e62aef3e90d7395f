extension HTTP1 {
    /// The fields of a head or the trailers, in order, as bytes: values outside ASCII pass
    /// unchanged.
    ///
    /// One buffer holds all names and values; a decoded head costs two allocations, whatever the
    /// number of its fields. Slices share the buffer.
    package struct Fields: Sendable {
        /// One field. The slices keep the buffer alive; copy what outlives the message.
        package struct Field: Sendable {
            /// The name as written; compare it with `isNamed`.
            package let name: ArraySlice<UInt8>
            /// The value without the blanks around it.
            package let value: ArraySlice<UInt8>

            /// Whether this is the name, in any case.
            package func isNamed(_ other: String) -> Bool { HTTP1.isSame(name, other) }
        }

        /// Where a field stands in the buffer.
        struct Line: Sendable {
            let nameStart: UInt32
            let nameCount: UInt32
            let valueStart: UInt32
            let valueCount: UInt32

            init(name: Range<Int>, value: Range<Int>) {
                nameStart = UInt32(name.lowerBound)
                nameCount = UInt32(name.count)
                valueStart = UInt32(value.lowerBound)
                valueCount = UInt32(value.count)
            }

            var name: Range<Int> { Int(nameStart)..<Int(nameStart) + Int(nameCount) }
            var value: Range<Int> { Int(valueStart)..<Int(valueStart) + Int(valueCount) }
        }

        var bytes: [UInt8]
        var lines: [Line]

        /// No fields.
        package init() {
            bytes = []
            lines = []
        }

        /// The fields of a buffer.
        init(bytes: [UInt8], lines: [Line]) {
            self.bytes = bytes
            self.lines = lines
        }
    }
}

extension HTTP1.Fields: RandomAccessCollection {
    /// Always 0.
    package var startIndex: Int { 0 }
    /// The number of fields.
    package var endIndex: Int { lines.count }

    /// The field at that place.
    package subscript(index: Int) -> Field {
        let line = lines[index]
        return Field(name: bytes[line.name], value: bytes[line.value])
    }
}

extension HTTP1.Fields: Equatable {
    /// The same fields in the same order, byte by byte.
    package static func == (one: HTTP1.Fields, other: HTTP1.Fields) -> Bool {
        one.count == other.count
            && zip(one, other).allSatisfy { $0.name == $1.name && $0.value == $1.value }
    }
}

extension HTTP1.Fields {
    private func isNamed(_ line: Line, _ name: String) -> Bool {
        Int(line.nameCount) == name.utf8.count && HTTP1.isSame(bytes[line.name], name)
    }

    /// The value of the first field of that name, in any case.
    package func first(_ name: String) -> ArraySlice<UInt8>? {
        for line in lines where isNamed(line, name) { return bytes[line.value] }
        return nil
    }

    /// The values of all fields of that name, in order.
    package func all(_ name: String) -> [ArraySlice<UInt8>] {
        lines.filter { isNamed($0, name) }.map { bytes[$0.value] }
    }

    /// Whether there is a field of that name.
    package func contains(_ name: String) -> Bool { lines.contains { isNamed($0, name) } }

    /// The value of the first field of that name as text, repaired where it is not UTF-8.
    package func text(_ name: String) -> String? {
        first(name).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The members of the comma lists of all fields of that name, without the blanks around them
    /// and without empty ones (RFC 9110 §5.6.1). Not for lists with quoted commas.
    package func members(_ name: String) -> [ArraySlice<UInt8>] {
        all(name).flatMap { value in
            value.split(separator: UInt8(ascii: ",")).map(Self.trimmed).filter { !$0.isEmpty }
        }
    }

    /// Whether the comma lists of that name hold `member`, in any case; for example `close` in
    /// `Connection`.
    package func contains(_ name: String, member: String) -> Bool {
        lines.contains { line in
            isNamed(line, name)
                && bytes[line.value].split(separator: UInt8(ascii: ","))
                    .contains { HTTP1.isSame(Self.trimmed($0), member) }
        }
    }

    static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var part = bytes
        while let first = part.first, HTTP1.isBlank(first) { part.removeFirst() }
        while let last = part.last, HTTP1.isBlank(last) { part.removeLast() }
        return part
    }

    /// Adds a field behind the others. The name must be a token and the value a field's value:
    /// ask `HTTP1.isToken` and `isFieldValue` before with texts of foreign origin.
    package mutating func append(_ name: String, _ value: String) {
        append(name: name.utf8, value: value.utf8)
    }

    /// Adds a field behind the others, by its bytes; the conditions are the same.
    package mutating func append(
        name: some Collection<UInt8>, value: some BidirectionalCollection<UInt8>
    ) {
        precondition(HTTP1.isToken(name), "a field's name is a token (RFC 9110 §5.1)")
        precondition(HTTP1.isFieldValue(value), "a field's value has no controls (RFC 9110 §5.5)")
        let nameStart = bytes.count
        bytes.append(contentsOf: name)
        let valueStart = bytes.count
        bytes.append(contentsOf: value)
        lines.append(Line(name: nameStart..<valueStart, value: valueStart..<bytes.count))
    }

    /// Removes every field of that name.
    package mutating func removeAll(_ name: String) {
        removeAll { $0.isNamed(name) }
    }

    /// Removes every field for which `isUnwanted` says so.
    package mutating func removeAll(where isUnwanted: (Field) -> Bool) {
        let bytes = bytes
        lines.removeAll { isUnwanted(Field(name: bytes[$0.name], value: bytes[$0.value])) }
    }

    /// Makes this the one field of that name.
    package mutating func set(_ name: String, _ value: String) {
        removeAll(name)
        append(name, value)
    }

    /// Writes the lines, each with its end, and not the empty line behind them.
    package func encode(into output: inout [UInt8]) {
        for line in lines {
            output.append(contentsOf: bytes[line.name])
            output.append(UInt8(ascii: ":"))
            output.append(HTTP1.space)
            output.append(contentsOf: bytes[line.value])
            output.append(HTTP1.carriageReturn)
            output.append(HTTP1.lineFeed)
        }
    }
}
